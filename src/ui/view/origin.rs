//! Where shown values come from: source, age and quality, told once for all that are alike.

use crate::fleet::Mark;
use crate::ui::context::Context;
use crate::ui::theme::Scope;
use crate::ui::view::value;

/// One value of an asset: what it is called, whether it is there now, and its mark.
pub struct Origin {
    /// Words on screen.
    pub label: &'static str,
    /// It is there and fresh.
    pub present: bool,
    /// Who gave it last, and when.
    pub mark: Option<Mark>,
}

/// Values that come from one source and are alike in quality.
struct Group {
    source: u16,
    present: bool,
    /// Youngest and oldest, s.
    ages: (u32, u32),
    labels: Vec<&'static str>,
}

/// One line for each source and quality; the values are named where there are several lines.
#[must_use]
pub fn lines(cx: &Context<'_>, values: &[Origin]) -> Vec<(String, Scope)> {
    let mut groups: Vec<Group> = Vec::new();
    for value in values {
        let Some(mark) = value.mark else { continue };
        let ms = cx.frame.time.millis() - mark.time().millis();
        let age = u32::try_from(ms.max(0) / 1000).unwrap_or(u32::MAX);
        let same = groups.iter_mut().find(|g| g.source == mark.source && g.present == value.present);
        match same {
            Some(group) => {
                group.ages = (group.ages.0.min(age), group.ages.1.max(age));
                group.labels.push(value.label);
            }
            None => groups.push(Group {
                source: mark.source,
                present: value.present,
                ages: (age, age),
                labels: vec![value.label],
            }),
        }
    }
    groups.sort_by_key(|g| (!g.present, g.source));
    let many = groups.len() > 1;
    groups.iter().map(|g| words(cx, g, many)).collect()
}

fn words(cx: &Context<'_>, group: &Group, many: bool) -> (String, Scope) {
    let mut sources = cx.snapshot.sources.iter();
    let name = sources.find(|s| s.status.source == group.source).map(|s| s.status.name.as_str());
    let name =
        name.filter(|n| !n.is_empty()).map_or_else(|| format!("source {}", group.source), str::to_owned);
    let age = match group.ages {
        (young, old) if young == old => value::seconds(old),
        (young, old) => format!("{} to {}", value::seconds(young), value::seconds(old)),
    };
    let (mark, state, scope) = if group.present {
        (String::new(), format!("{age} old"), Scope::TextDim)
    } else {
        (format!("{} ", cx.brush.glyphs.stale), format!("gone, last {age} ago"), Scope::QualityStale)
    };
    let labels = if many { format!(": {}", group.labels.join(", ")) } else { String::new() };
    (format!("{mark}{name}, {state}{labels}"), scope)
}
