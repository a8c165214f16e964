//! The command line: action ids, and a few commands with an argument.

use crate::fleet::jobs::By;
use crate::model::chronicle::Incident;
use crate::model::{Asset, Timestamp, text};
use crate::ui::action::{Action, ViewKind};
use crate::ui::alarms::deed::{self, Deed, Plan};
use crate::ui::alarms::filter::{self, Filter};
use crate::ui::app::operate::How;
use crate::ui::app::time;
use crate::ui::context::Context;
use crate::ui::layer::Layer;
use crate::ui::theme::Theme;
use crate::ui::view::jobs;

/// Something to be done, from the command line or the palette.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Do an action.
    Action(Action),
    /// Select an asset and show it.
    Go(Asset),
    /// Show a view.
    View(ViewKind),
    /// Show the job or tenant in this slot of the frame shown.
    Job(By, u16),
    /// Show a metric, or a value of racks.
    Layer(Layer),
    /// Show a moment; `None` is the present.
    Time(Option<Timestamp>),
    /// Use a theme.
    Theme(String),
    /// Do something to alarms.
    Handle(Deed, How),
    /// The same, with all that belongs to it.
    Operate(Plan),
    /// List only the alarms that pass.
    Filter(Filter),
    /// Mark a moment, with a note.
    Bookmark(Timestamp, String),
    /// Mark a stretch of time as an incident with this title.
    Incident(String, (Timestamp, Timestamp)),
    /// Go to an incident.
    ShowIncident(Incident),
    /// Cut an incident out into a file; `true`: without names.
    Clip(Incident, bool),
    /// End the session.
    Quit,
}

/// Commands that may have an argument, and without one are the action of that name.
pub const WITH_CHOICE: [(&str, &str, &str); 8] = [
    (
        "ack",
        "[all] [COMMENT]",
        "acknowledge the marked or selected alarms, or all that are listed: :ack all drill",
    ),
    (
        "shelve",
        "[all] TIME [once] REASON",
        "put alarms aside for 1 min to 12 h: :shelve 2h sensor is changed",
    ),
    ("unshelve", "[all] [COMMENT]", "end the shelf of alarms: :unshelve all"),
    ("reset", "[all] [COMMENT]", "reset latched alarms: :reset dried out"),
    ("oos", "[all] REASON", "take alarms out of service: :oos work order 5512"),
    ("service", "[all] [COMMENT]", "give alarms back to service: :service rack is back"),
    ("comment", "[all] TEXT", "say something about alarms: :comment seen on camera 3"),
    ("filter", "WORDS", "list only some alarms: :filter prio<=2 hall:H3"),
];

/// The commands with an argument: name, argument, what they do.
pub const WITH_ARGUMENT: [(&str, &str, &str); 6] = [
    ("job", "NAME", "show a job or a tenant: :job llm-r7"),
    ("go", "NAME", "show a hall, row, rack, tray or GPU: :go H3-R17-K5"),
    ("metric", "NAME", "show a metric, or a value of racks: :metric temp, :metric rack_flow"),
    ("time", "MOMENT", "show a moment: :time -5m, :time 03:11, :time now"),
    ("theme", "NAME", "use a theme: :theme light"),
    ("view", "NAME", "show a view: :view sources"),
];

/// Understands a line.
///
/// # Errors
/// Names what is unknown and the nearest that is known.
pub fn parse(cx: &Context<'_>, view: ViewKind, line: &str) -> Result<Command, String> {
    let line = line.trim().trim_start_matches(':');
    let (word, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim();
    match (word, argument) {
        ("", _) => Err("type a command, Tab completes".into()),
        ("q" | "q!" | "quit" | "exit", "") => Ok(Command::Quit),
        ("go", name) if !name.is_empty() => find(cx, name).map(Command::Go),
        ("job", name) if !name.is_empty() => job(cx, name),
        ("metric", name) if !name.is_empty() => Layer::parse(name).map(Command::Layer),
        ("time", moment) => time::parse(moment, &cx.then.around()).map(Command::Time),
        ("theme", name) if !name.is_empty() => Ok(Command::Theme(name.to_owned())),
        ("view", name) if !name.is_empty() => view_named(name).map(Command::View),
        (id, "") => action(view, id),
        (id, argument) if WITH_CHOICE.iter().any(|(n, ..)| *n == id) => on_alarms(cx, view, (id, argument)),
        (id, _) if WITH_ARGUMENT.iter().all(|(n, ..)| *n != id) => {
            action(view, id).and_then(|_| Err(format!("`{}` takes no argument", text::clean(id))))
        }
        (id, _) => Err(format!("`{}` needs an argument", text::clean(id))),
    }
}

/// A command about alarms with its argument.
fn on_alarms(cx: &Context<'_>, view: ViewKind, (id, argument): (&str, &str)) -> Result<Command, String> {
    if id == "filter" {
        return Filter::parse(argument, &cx.snapshot.alarms, cx.topology()).map(Command::Filter);
    }
    let Command::Action(action) = action(view, id)? else { return Err(format!("`{id}` is no action")) };
    let Some(deed) = Deed::of(action) else { return Err(format!("`{id}` takes no argument")) };
    let (first, rest) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    let (all, words) = if first == "all" { (true, rest.trim()) } else { (false, argument) };
    let (shelf, comment) = match deed {
        Deed::Shelve if !words.is_empty() => deed::shelf(words).map(|(s, why)| (Some(s), why))?,
        _ => (None, words),
    };
    Ok(Command::Handle(deed, How { all, ask: false, comment: comment.to_owned(), shelf }))
}

fn action(view: ViewKind, id: &str) -> Result<Command, String> {
    if let Some((name, argument, _)) = WITH_ARGUMENT.iter().find(|(n, ..)| *n == id)
        && *name != "theme"
    {
        return Err(format!("`{name}` needs an argument: :{name} {argument}"));
    }
    let found = Action::ALL.iter().copied().find(|a| a.spec().id == id);
    let Some(action) = found else {
        let ids = Action::ALL.iter().map(|a| a.spec().id).chain(WITH_ARGUMENT.iter().map(|(n, ..)| *n));
        let hint = text::nearest(id, ids)
            .map_or_else(|| "Tab shows what there is".into(), |n| format!("did you mean `{n}`?"));
        return Err(format!("unknown command `{}`: {hint}", text::clean(id)));
    };
    if !action.spec().views.contains(view) {
        return Err(format!("`{id}` does nothing in the {} view", view.name()));
    }
    Ok(Command::Action(action))
}

/// The asset called `name`: a place, or a host.
fn find(cx: &Context<'_>, name: &str) -> Result<Asset, String> {
    let t = cx.topology();
    t.find(name).or_else(|error| {
        let host = t.trays().iter().position(|tray| tray.host.eq_ignore_ascii_case(name));
        host.map(|i| Asset::Tray(crate::model::TrayId::new(i))).ok_or(error)
    })
}

/// The job or tenant called `name` that holds GPUs.
fn job(cx: &Context<'_>, name: &str) -> Result<Command, String> {
    let all = || By::ALL.into_iter().flat_map(|by| jobs::names(cx, by).map(move |(slot, n)| (by, slot, n)));
    let found = all().find(|(.., n)| n.eq_ignore_ascii_case(name));
    found.map(|(by, slot, _)| Command::Job(by, slot)).ok_or_else(|| {
        let hint = text::nearest(name, all().map(|(.., n)| n));
        let hint = hint.map_or_else(String::new, |n| format!(": did you mean `{n}`?"));
        format!("no job or tenant `{}` holds GPUs{hint}", text::clean(name))
    })
}

fn view_named(name: &str) -> Result<ViewKind, String> {
    ViewKind::ALL.into_iter().find(|v| v.name() == name).ok_or_else(|| {
        let names = ViewKind::ALL.map(ViewKind::name);
        let hint =
            text::nearest(name, names).map_or_else(|| names.join(", "), |n| format!("did you mean `{n}`?"));
        format!("unknown view `{}`: {hint}", text::clean(name))
    })
}

/// Completes the last word of a line: the longest text that all candidates share, and the
/// candidates themselves when there are several.
#[must_use]
pub fn complete(cx: &Context<'_>, line: &str) -> (String, Vec<String>) {
    let (head, word) = line.rsplit_once(' ').map_or(("", line), |(h, w)| (h.trim(), w));
    let all = match head {
        "" => {
            let mut names: Vec<String> = Action::ALL.iter().map(|a| a.spec().id.to_owned()).collect();
            names.extend(WITH_ARGUMENT.iter().map(|(n, ..)| (*n).to_owned()));
            names.sort_unstable();
            names.dedup();
            names
        }
        "metric" => Layer::names().map(str::to_owned).collect(),
        "theme" => Theme::names(&[]).into_iter().map(str::to_owned).collect(),
        "view" => ViewKind::ALL.iter().map(|v| v.name().to_owned()).collect(),
        "go" => places(cx, word),
        "filter" => filter::suggestions(cx.topology()),
        "ack" | "shelve" | "unshelve" | "reset" | "oos" | "service" | "comment" => vec!["all".to_owned()],
        "job" => By::ALL.into_iter().flat_map(|by| jobs::names(cx, by)).map(|(_, n)| n.to_owned()).collect(),
        _ => Vec::new(),
    };
    let matching: Vec<String> =
        all.into_iter().filter(|n| n.to_lowercase().starts_with(&word.to_lowercase())).collect();
    let Some(first) = matching.first() else { return (line.to_owned(), Vec::new()) };
    let shared = matching.iter().fold(first.as_str(), |a, b| common(a, b)).to_owned();
    let alone = matching.len() == 1;
    let gap = if head.is_empty() { "" } else { " " };
    let open = WITH_ARGUMENT.iter().any(|(n, ..)| *n == shared) && alone;
    let end = if open { " " } else { "" };
    (format!("{head}{gap}{shared}{end}"), if alone { Vec::new() } else { matching })
}

/// The children of the asset that the complete part of `word` names.
fn places(cx: &Context<'_>, word: &str) -> Vec<String> {
    let t = cx.topology();
    let parent = word.rsplit_once('-').map_or("site", |(head, _)| head);
    let parent = t.find(parent).unwrap_or(Asset::Site);
    t.children(parent).into_iter().map(|c| t.name(c)).collect()
}

fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let same = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    let end = same.map_or(a.len().min(b.len()), |((i, _), _)| i);
    a.get(..end).unwrap_or_default()
}
