//! What an engine is asked: the expressions for the wanted metrics, and how often each is asked.
//!
//! A metric has several spellings (`scrape::families`). Those that an engine knows and that are read
//! alike make one expression; the labels are reduced to the few that tell GPUs apart, because a
//! series with all its labels is four times as long as one with its UUID.

use std::collections::HashSet;
use std::fmt::Write;

use super::PromConfig;
use crate::model::Metric;
use crate::source::scrape::families::{self, Family, Field};

/// Asked at every turn: what operators look at first.
pub const FAST: [Metric; 4] = [Metric::Util, Metric::Activity, Metric::Power, Metric::Temp];
/// The others are asked once in so many turns.
pub const SLOW_TURNS: u32 = 4;

/// An exporter by the beginning of its family names: all its series of a GPU carry the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exporter {
    /// dcgm-exporter.
    Dcgm,
    /// dcgm-exporter 1.x.
    OldDcgm,
    /// nvidia_gpu_exporter.
    Smi,
}

impl Exporter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dcgm, Self::OldDcgm, Self::Smi];

    /// The one that writes family `name`.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [("DCGM_", Self::Dcgm), ("dcgm_", Self::OldDcgm), ("nvidia_smi_", Self::Smi)]
            .into_iter()
            .find_map(|(start, e)| name.starts_with(start).then_some(e))
    }
}

/// How the values of an answer become values of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Convert {
    /// As those of a family.
    Family(&'static Family),
    /// They are in the metric's unit already.
    Plain,
}

impl Convert {
    /// The value in the metric's unit; `None` where it says nothing.
    #[must_use]
    pub fn value(&self, value: f64) -> Option<f32> {
        let value = match self {
            Self::Family(family) => family.convert(value)?,
            Self::Plain => value,
        };
        Some(value as f32).filter(|v| v.is_finite())
    }
}

/// Where the times of the values come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Clock {
    /// The time of the newest sample of another family of the same exporter.
    Exporter(Exporter),
    /// The time of the newest sample of these families themselves.
    Own(Vec<&'static str>),
}

/// What one query is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// Who the GPUs are.
    Directory {
        /// The families exist for their labels alone (`nvidia_smi_gpu_info`).
        info: bool,
    },
    /// When samples were taken.
    Times(Clock),
    /// Values of a metric.
    Values {
        /// Which.
        metric: Metric,
        /// How they are read.
        convert: Convert,
        /// Where their times come from; `None`: the moment of the query, which then looks back no
        /// further than two intervals.
        clock: Option<Clock>,
    },
}

/// One query that is asked again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// What it is called in the list of sources.
    pub name: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Families in it; empty where the expression was given.
    pub names: Vec<&'static str>,
    /// The expression, where it was given.
    pub given: String,
    /// It is asked once in so many turns.
    pub every: u32,
    /// Which of these turns.
    pub phase: u32,
}

impl Ask {
    /// True when it is to be asked in turn `turn`. In the first turn all are.
    #[must_use]
    pub const fn is_due(&self, turn: u32) -> bool {
        turn == 0 || turn.wrapping_add(self.phase).is_multiple_of(self.every)
    }
}

/// The names of families that may exist: those that an engine listed, or all.
#[derive(Clone, Debug, Default)]
pub struct Names(Option<HashSet<String>>);

impl Names {
    /// Those of `list` that mean something here.
    pub fn of(list: impl IntoIterator<Item = String>) -> Self {
        Self(Some(list.into_iter().filter(|n| families::lookup(n.as_bytes()).is_some()).collect()))
    }

    /// True when family `name` may exist.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|known| known.contains(name))
    }

    /// True when the engine listed its names and knows none that is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(HashSet::is_empty)
    }
}

/// All queries to an engine that has families `names`.
#[must_use]
pub fn asks(config: &PromConfig, names: &Names) -> Vec<Ask> {
    let mut values = Vec::new();
    for metric in &config.metrics {
        let every = if FAST.contains(metric) { 1 } else { SLOW_TURNS };
        if let Some((_, given)) = config.queries.iter().find(|(m, _)| m == metric) {
            values.push(Ask {
                name: metric.spec().name.to_owned(),
                purpose: Purpose::Values { metric: *metric, convert: Convert::Plain, clock: None },
                names: Vec::new(),
                given: given.clone(),
                every,
                phase: 0,
            });
            continue;
        }
        values.extend(of_metric(*metric, every, names));
    }
    let mut out: Vec<Ask> = Exporter::ALL.into_iter().filter_map(|e| directory(e, names)).collect();
    if let (true, Some((_, given))) = (out.is_empty(), config.queries.first()) {
        // Nothing that is known here: the expressions of the operator say who there is.
        let purpose = Purpose::Directory { info: false };
        out.push(Ask {
            name: "who".to_owned(),
            purpose,
            names: Vec::new(),
            given: given.clone(),
            every: 1,
            phase: 0,
        });
    }
    out.extend(Exporter::ALL.into_iter().filter_map(|e| times(e, &values, names)));
    // The slow ones are spread over the turns.
    for (ask, phase) in values.iter_mut().filter(|a| a.every > 1).zip(0..) {
        ask.phase = phase;
    }
    out.extend(values);
    out
}

/// The queries for a metric: one for each way in which its first known field is written.
fn of_metric(metric: Metric, every: u32, names: &Names) -> Vec<Ask> {
    let fields = families::SOURCES.iter().find(|(m, _)| *m == metric).map_or(&[][..], |(_, f)| f);
    // Single reasons as series of their own would be eight queries more.
    let fields = fields.iter().filter(|f| **f != Field::EventBit);
    let mut out: Vec<(Exporter, &'static Family, Vec<&'static str>)> = Vec::new();
    for exporter in Exporter::ALL {
        let known = |f: &&'static Family| Exporter::of(f.name) == Some(exporter) && names.has(f.name);
        let mut found = fields.clone().map(|f| families::of_field(*f).filter(known).collect::<Vec<_>>());
        for family in found.find(|f| !f.is_empty()).unwrap_or_default() {
            let alike = |g: &&mut (Exporter, &'static Family, Vec<&'static str>)| {
                let same = |a: f64, b: f64| a.total_cmp(&b).is_eq();
                g.0 == exporter && same(g.1.factor, family.factor) && same(g.1.blank, family.blank)
            };
            match out.iter_mut().find(alike) {
                Some(group) => group.2.push(family.name),
                None => out.push((exporter, family, vec![family.name])),
            }
        }
    }
    let ask = |(exporter, family, mut names): (Exporter, &'static Family, Vec<&'static str>)| {
        names.sort_unstable();
        let clock = Some(Clock::Exporter(exporter));
        let purpose = Purpose::Values { metric, convert: Convert::Family(family), clock };
        Ask { name: metric.spec().name.to_owned(), purpose, names, given: String::new(), every, phase: 0 }
    };
    out.into_iter().map(ask).collect()
}

/// The family whose samples tell when an exporter was asked.
fn probe(exporter: Exporter, names: &Names) -> Vec<&'static str> {
    const FIELDS: [Field; 5] = [Field::Temp, Field::Power, Field::Util, Field::SmClock, Field::MemUsed];
    let of = |f: &Field| -> Vec<&'static str> {
        let known = families::of_field(*f).map(|f| f.name);
        known.filter(|n| Exporter::of(n) == Some(exporter) && names.has(n)).collect()
    };
    FIELDS.iter().map(of).find(|names| !names.is_empty()).unwrap_or_default()
}

fn directory(exporter: Exporter, names: &Names) -> Option<Ask> {
    let info = exporter == Exporter::Smi && names.has("nvidia_smi_gpu_info");
    let names = if info { vec!["nvidia_smi_gpu_info"] } else { probe(exporter, names) };
    (!names.is_empty()).then(|| Ask {
        name: "who".to_owned(),
        purpose: Purpose::Directory { info },
        names,
        given: String::new(),
        every: 1,
        phase: 0,
    })
}

/// The query for the times of an exporter, where some values need it.
fn times(exporter: Exporter, values: &[Ask], names: &Names) -> Option<Ask> {
    let clock = Clock::Exporter(exporter);
    let needs = |a: &Ask| match &a.purpose {
        Purpose::Values { clock: Some(c), .. } => *c == clock,
        _ => false,
    };
    let names = probe(exporter, names);
    (!names.is_empty() && values.iter().any(needs)).then(|| of_clock(clock, names))
}

/// The query for the times of `clock`, which are those of the samples of `names`.
#[must_use]
pub fn of_clock(clock: Clock, names: Vec<&'static str>) -> Ask {
    Ask {
        name: "times".to_owned(),
        purpose: Purpose::Times(clock),
        names,
        given: String::new(),
        every: 1,
        phase: 0,
    }
}

/// Most parts that one query is asked in.
pub const MAX_PARTS: u32 = 16;

/// The label by whose last character the series of `ask` are divided where an engine refuses them all
/// at once; `None`: there is none. `by`: the labels that tell GPUs apart; empty: not known yet.
#[must_use]
pub fn divider(ask: &Ask, by: &[String]) -> Option<&'static str> {
    // What stands in the expression of an operator is not known here.
    let first = ask.names.first()?;
    let own = if first.starts_with("DCGM_") { "UUID" } else { "uuid" };
    let found = |label: &&str| by.is_empty() || by.iter().any(|l| l == label);
    [own, "gpu", "index"].into_iter().find(found)
}

/// The matcher of part `part` of `parts` (a power of two up to [`MAX_PARTS`]): every series is in one
/// part and no other, whatever its label `label` holds, because the last part is what none of the
/// others takes. UUIDs end in random hexadecimal digits and GPUs are numbered from 0 on, so that digits
/// that leave the same rest make parts of one size.
#[must_use]
pub fn part(label: &str, part: u32, parts: u32) -> String {
    let digits = |wanted: &dyn Fn(u32) -> bool| -> String {
        (0..16).filter(|d| wanted(d % parts)).filter_map(|d| char::from_digit(d, 16)).collect()
    };
    if part + 1 < parts {
        format!("{label}=~\".*[{}]\"", digits(&|rest| rest == part))
    } else {
        format!("{label}!~\".*[{}]\"", digits(&|rest| rest + 1 < parts))
    }
}

/// Both matchers, either of which may be empty.
#[must_use]
pub fn and(selector: &str, more: &str) -> String {
    let both = [selector, more].into_iter().filter(|m| !m.is_empty());
    both.collect::<Vec<_>>().join(",")
}

/// How labels are reduced and series selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form<'a> {
    /// Labels that are kept.
    pub by: &'a [String],
    /// More matchers, without braces.
    pub selector: &'a str,
}

impl Form<'_> {
    /// The expression of `ask`.
    #[must_use]
    pub fn expression(&self, ask: &Ask) -> String {
        let by = self.by.join(",");
        let fold = |how: &str, what: &str| format!("{how} by ({by}) ({what})");
        match &ask.purpose {
            // What it says beside the labels is worth as much as an answer of its own.
            Purpose::Directory { info: false } if ask.given.is_empty() => {
                fold("max", &self.select(&ask.names))
            }
            Purpose::Directory { .. } if ask.given.is_empty() => fold("group", &self.select(&ask.names)),
            Purpose::Directory { .. } => fold("group", &ask.given),
            // The name of the family goes, so series of two of them would clash: each on its own.
            Purpose::Times(_) => {
                let one = |n: &&'static str| fold("max", &format!("timestamp({})", self.select(&[*n])));
                ask.names.iter().map(one).collect::<Vec<_>>().join(" or ")
            }
            Purpose::Values { metric, .. } if ask.given.is_empty() => {
                let how = if *metric == Metric::Margin { "min" } else { "max" };
                fold(how, &self.select(&ask.names))
            }
            Purpose::Values { .. } => fold("max", &ask.given),
        }
    }

    /// A selector of all series of families `names`.
    #[must_use]
    pub fn select(&self, names: &[&str]) -> String {
        let mut out = String::new();
        match names {
            [one] if self.selector.is_empty() => return (*one).to_owned(),
            [one] => {
                let _ = write!(out, "{one}{{{}}}", self.selector);
            }
            _ => {
                let comma = if self.selector.is_empty() { "" } else { "," };
                let _ = write!(out, "{{__name__=~\"{}\"{comma}{}}}", names.join("|"), self.selector);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(metrics: &[Metric]) -> PromConfig {
        let base = PromConfig::new("http://p:9090").expect("a URL");
        PromConfig { metrics: metrics.to_vec(), ..base }
    }

    fn expressions(config: &PromConfig, names: &Names) -> Vec<(String, String)> {
        let by = ["UUID".to_owned()];
        let form = Form { by: &by, selector: &config.selector };
        asks(config, names).iter().map(|a| (a.name.clone(), form.expression(a))).collect()
    }

    #[test]
    fn a_site_with_one_spelling_is_asked_plainly() {
        let names =
            Names::of(["DCGM_FI_DEV_GPU_TEMP".to_owned(), "up".into(), "DCGM_FI_DEV_POWER_USAGE".into()]);
        let got = expressions(&config(&[Metric::Temp, Metric::Power, Metric::Xid]), &names);
        let want = [
            ("who", "max by (UUID) (DCGM_FI_DEV_GPU_TEMP)"),
            ("times", "max by (UUID) (timestamp(DCGM_FI_DEV_GPU_TEMP))"),
            ("temp", "max by (UUID) (DCGM_FI_DEV_GPU_TEMP)"),
            ("power", "max by (UUID) (DCGM_FI_DEV_POWER_USAGE)"),
        ];
        assert_eq!(got, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn spellings_that_are_read_alike_make_one_query_and_others_one_each() {
        let all = [
            "DCGM_FI_DEV_SM_CLOCK",
            "DCGM_FI_DEV_SM_CLOCK_HERTZ",
            "nvidia_smi_clocks_current_sm_clock_hz",
            "DCGM_FI_DEV_GPU_TEMP",
            "DCGM_FI_DEV_GPU_TEMP_CELSIUS",
        ];
        let names = Names::of(all.map(str::to_owned));
        let mut config = config(&[Metric::SmClock, Metric::Temp]);
        config.selector = "cluster=\"kvd\"".to_owned();
        let got = expressions(&config, &names);
        let values: Vec<_> =
            got.iter().filter(|(n, _)| n == "clock" || n == "sm_clock" || n == "temp").collect();
        assert_eq!(values.len(), 4, "{got:?}");
        let one = "max by (UUID) ({__name__=~\"DCGM_FI_DEV_GPU_TEMP|DCGM_FI_DEV_GPU_TEMP_CELSIUS\",cluster=\"kvd\"})";
        assert!(values.iter().any(|(_, e)| e == one), "{got:?}");
        assert!(
            values.iter().any(|(_, e)| e == "max by (UUID) (DCGM_FI_DEV_SM_CLOCK_HERTZ{cluster=\"kvd\"})")
        );
    }

    #[test]
    fn the_best_field_that_is_known_is_taken() {
        let of = |name: &str| {
            let names = Names::of([name.to_owned()]);
            expressions(&config(&[Metric::Activity]), &names).pop().map(|(_, e)| e)
        };
        let want = |name: &str| Some(format!("max by (UUID) ({name})"));
        assert_eq!(of("DCGM_FI_PROF_GR_ENGINE_ACTIVE"), want("DCGM_FI_PROF_GR_ENGINE_ACTIVE"));
        let names = Names::of(["DCGM_FI_PROF_GR_ENGINE_ACTIVE".to_owned(), "DCGM_FI_PROF_SM_ACTIVE".into()]);
        let got = expressions(&config(&[Metric::Activity]), &names).pop().map(|(_, e)| e);
        assert_eq!(got, want("DCGM_FI_PROF_SM_ACTIVE"));
        assert!(Names::of(["up".to_owned()]).is_empty() && !Names::default().is_empty());
    }

    #[test]
    fn an_expression_of_the_operator_takes_the_place_of_the_families() {
        let mut config = config(&[Metric::Power]);
        config.queries = vec![(Metric::Power, "site_gpu_watts{x=\"y\"} * 1000".to_owned())];
        let got = expressions(&config, &Names::default());
        let (_, last) = got.last().expect("a query");
        assert_eq!(last, "max by (UUID) (site_gpu_watts{x=\"y\"} * 1000)");
        let all = asks(&config, &Names::default());
        assert!(all.iter().all(|a| !matches!(a.purpose, Purpose::Times(_))), "nothing needs times");
    }

    #[test]
    fn parts_hold_every_series_once() {
        let values = (0..16).map(|d| format!("GPU-{d:x}")).chain(["".into(), "GPU-F".into(), "7".into()]);
        let values: Vec<String> = values.collect();
        for parts in [2, 4, 8, MAX_PARTS] {
            let matchers: Vec<String> = (0..parts).map(|i| part("UUID", i, parts)).collect();
            let mut sizes = vec![0; parts as usize];
            for value in &values {
                let takes = |m: &String| {
                    let (sign, pattern) = m["UUID".len()..].split_at(2);
                    let pattern = regex::Regex::new(&format!("^(?:{})$", pattern.trim_matches('"')));
                    pattern.expect("a pattern").is_match(value) == (sign == "=~")
                };
                let taken: Vec<usize> = (0..matchers.len()).filter(|i| takes(&matchers[*i])).collect();
                assert_eq!(taken.len(), 1, "{value} in {taken:?} of {matchers:?}");
                sizes[taken[0]] += 1;
            }
            assert!(sizes.iter().all(|s| *s >= 16 / parts), "{sizes:?}");
        }
        assert_eq!(part("gpu", 0, 2), "gpu=~\".*[02468ace]\"");
        assert_eq!(and("a=\"b\"", &part("gpu", 1, 2)), "a=\"b\",gpu!~\".*[02468ace]\"");
        assert_eq!((and("", "x=\"y\""), and("x=\"y\"", "")), ("x=\"y\"".into(), "x=\"y\"".into()));
    }

    #[test]
    fn queries_are_divided_by_a_label_that_tells_gpus_apart() {
        let ask = |names: Vec<&'static str>| of_clock(Clock::Own(names.clone()), names);
        let by = |labels: &[&str]| labels.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let temp = ask(vec!["DCGM_FI_DEV_GPU_TEMP"]);
        assert_eq!(divider(&temp, &[]), Some("UUID"));
        assert_eq!(divider(&temp, &by(&["instance", "gpu"])), Some("gpu"));
        assert_eq!(divider(&temp, &by(&["instance"])), None);
        let smi = ask(vec!["nvidia_smi_temperature_gpu"]);
        assert_eq!(divider(&smi, &by(&["UUID", "uuid"])), Some("uuid"));
        assert_eq!(divider(&ask(Vec::new()), &[]), None, "an expression that was given");
    }

    #[test]
    fn slow_metrics_are_spread_over_the_turns() {
        let config = config(&[Metric::Temp, Metric::MemUsed, Metric::SmClock, Metric::Xid, Metric::MemTemp]);
        let asks = asks(
            &config,
            &Names::of(
                [
                    "DCGM_FI_DEV_GPU_TEMP",
                    "DCGM_FI_DEV_FB_USED",
                    "DCGM_FI_DEV_SM_CLOCK",
                    "DCGM_FI_DEV_XID_ERRORS",
                    "DCGM_FI_DEV_MEMORY_TEMP",
                ]
                .map(str::to_owned),
            ),
        );
        let due = |turn| asks.iter().filter(|a| a.is_due(turn)).count();
        assert_eq!(due(0), 7, "everything at first: {asks:?}");
        assert_eq!((1..=4).map(due).collect::<Vec<_>>(), [4; 4], "one slow one in each turn");
    }

    #[test]
    fn values_are_read_as_those_of_their_family() {
        let family = families::of_field(Field::SmActive).find(|f| f.name.starts_with("DCGM")).expect("known");
        assert_eq!(Convert::Family(family).value(0.5), Some(50.0));
        assert_eq!(Convert::Family(family).value(1.5e14), None, "a blank is no value");
        assert_eq!((Convert::Plain.value(7.0), Convert::Plain.value(f64::NAN)), (Some(7.0), None));
    }
}
