//! Alarms without names. What the engine says in words is made of values and stays; what operators,
//! the rules of the site and an Alertmanager say does not.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Topology;
use crate::model::alarm::record::{Member, Note, Shelf, Step};
use crate::model::alarm::state::Input;
use crate::model::alarm::{Alarm, AlarmBoard, JournalState, Kpi, Origin, RuleView, Transition, rule};
use crate::record::anonymous::{Anonymous, Numbers};

/// How rules of an Alertmanager begin.
const FOREIGN: &str = "am:";

/// Rules as they were, and as they are told.
type Views = (Arc<[RuleView]>, Arc<[RuleView]>);

/// Names that only alarms have.
#[derive(Debug)]
pub struct Words {
    rules: Numbers,
    alerts: Numbers,
    places: Numbers,
    marks: Numbers,
    /// Places that were translated, of the site that was seen last.
    known: HashMap<Arc<str>, Arc<str>>,
    site: Option<Arc<Topology>>,
    /// Rules that come with the program.
    own: Vec<Arc<str>>,
    views: Option<Views>,
}

impl Default for Words {
    fn default() -> Self {
        Self {
            rules: Numbers::new("rule"),
            alerts: Numbers::new("alert"),
            places: Numbers::new("place"),
            marks: Numbers::new("mark"),
            known: HashMap::new(),
            site: None,
            own: rule::ALL.iter().map(|r| r.slug.into()).collect(),
            views: None,
        }
    }
}

/// The site as it is called, and as it is to be called.
type Names<'a> = (&'a Arc<Topology>, &'a Arc<Topology>);

impl Anonymous {
    /// All alarms without names.
    pub(super) fn board(&mut self, board: &AlarmBoard, names: Names<'_>) -> AlarmBoard {
        let site = self.alarms.site.replace(Arc::clone(names.0));
        if !site.is_some_and(|s| Arc::ptr_eq(&s, names.0)) {
            self.alarms.known.clear();
        }
        let rules = self.rules(&board.rules);
        AlarmBoard {
            time: board.time,
            alarms: board.alarms.iter().map(|a| Arc::new(self.alarm(a, names))).collect(),
            counts: board.counts,
            kpi: Arc::new(self.kpi(&board.kpi, names)),
            events: board.events.iter().map(|e| Arc::new(self.event(e, names))).collect(),
            rules,
            journal: match &board.journal {
                JournalState::Following(name) => JournalState::Following(self.consoles.of(name)),
                JournalState::Broken(_) => JournalState::Broken("it cannot be written".into()),
                other => other.clone(),
            },
            bells: board.bells,
        }
    }

    fn kpi(&mut self, kpi: &Kpi, names: Names<'_>) -> Kpi {
        let top = kpi.top.iter().map(|(id, r, p, n)| (*id, self.rule(r), self.place(p, names), *n));
        Kpi { top: top.collect(), ..kpi.clone() }
    }

    /// The name of a rule: those that come with the program are no secret.
    fn rule(&mut self, slug: &Arc<str>) -> Arc<str> {
        if let Some(alert) = slug.strip_prefix(FOREIGN) {
            return format!("{FOREIGN}{}", self.alarms.alerts.of(alert)).into();
        }
        if **slug == *"*" || self.alarms.own.contains(slug) {
            return Arc::clone(slug);
        }
        self.alarms.rules.of(slug)
    }

    fn rules(&mut self, rules: &Arc<[RuleView]>) -> Arc<[RuleView]> {
        if let Some((_, made)) = self.alarms.views.as_ref().filter(|(real, _)| Arc::ptr_eq(real, rules)) {
            return Arc::clone(made);
        }
        for rule in rules.iter().filter(|r| r.from.is_empty()) {
            if !self.alarms.own.contains(&rule.slug) {
                self.alarms.own.push(Arc::clone(&rule.slug));
            }
        }
        let made: Arc<[RuleView]> = rules.iter().map(|r| self.view(r)).collect();
        self.alarms.views = Some((Arc::clone(rules), Arc::clone(&made)));
        made
    }

    fn view(&mut self, view: &RuleView) -> RuleView {
        let missing = if view.missing.is_empty() { Arc::default() } else { "no signal".into() };
        if view.from.is_empty() {
            return RuleView { missing, ..view.clone() };
        }
        let slug = self.rule(&view.slug);
        let known = rule::ALL.iter().find(|r| *r.slug == *slug);
        let suppresses: Vec<Arc<str>> =
            view.suppresses.split(", ").map(|s| self.rule(&Arc::from(s))).collect();
        RuleView {
            title: known.map_or_else(|| Arc::clone(&slug), |r| r.title.into()),
            slug,
            scope: view.scope,
            priority: view.priority,
            on_delay_s: view.on_delay_s,
            off_delay_s: view.off_delay_s,
            latch: view.latch,
            suppresses: suppresses.join(", ").into(),
            disabled: view.disabled,
            from: "rules of the site".into(),
            missing,
            ..RuleView::default()
        }
    }

    /// The name of a place: an asset of the site, a job, or something unknown.
    fn place(&mut self, place: &Arc<str>, (real, made): Names<'_>) -> Arc<str> {
        if let Some(known) = self.alarms.known.get(place) {
            return Arc::clone(known);
        }
        let whole = real.find(place);
        let (base, mark) = match place.split_once(" #") {
            Some((base, mark)) if whole.is_err() => (base, mark),
            _ => (&**place, ""),
        };
        let name: Arc<str> = match whole.or_else(|_| real.find(base)) {
            Ok(asset) => made.name(asset).into(),
            Err(_) => self.jobs.get(place).unwrap_or_else(|| self.alarms.places.of(base)),
        };
        let name = match mark {
            "" => name,
            mark => format!("{name} #{}", self.alarms.marks.of(mark)).into(),
        };
        self.alarms.known.insert(Arc::clone(place), Arc::clone(&name));
        name
    }

    fn note(&mut self, note: &Note) -> Note {
        Note { operator: self.operators.of(&note.operator), time: note.time, comment: Arc::default() }
    }

    fn alarm(&mut self, a: &Alarm, names: Names<'_>) -> Alarm {
        let foreign = a.origin == Origin::Alertmanager || a.rule.starts_with(FOREIGN);
        let slug = self.rule(&a.rule);
        let title = match rule::ALL.iter().find(|r| *r.slug == *slug) {
            Some(known) => known.title.into(),
            None => Arc::clone(&slug),
        };
        let member = |m: &Member, s: &mut Self| Member {
            time: m.time,
            place: s.place(&m.place, names),
            rule: s.rule(&m.rule),
        };
        let shelf = a.shelf.as_ref().map(|s| Shelf { note: self.note(&s.note), ..s.clone() });
        Alarm {
            title,
            place: self.place(&a.place, names),
            asset: a.asset,
            fingerprint: self.alarms.marks.of(&a.fingerprint),
            text: if foreign { Arc::default() } else { Arc::clone(&a.text) },
            members: a.members.iter().map(|m| member(m, self)).collect(),
            acknowledged: a.acknowledged.as_ref().map(|n| self.note(n)),
            shelf,
            service: a.service.as_ref().map(|n| self.note(n)),
            comment: a.comment.as_ref().map(|n| self.note(n)),
            steps: a.steps.iter().map(|s| self.step(s, foreign, names)).collect(),
            rule: slug,
            ..a.clone()
        }
    }

    fn step(&mut self, step: &Step, foreign: bool, names: Names<'_>) -> Step {
        let said = foreign || !step.operator.is_empty();
        Step {
            operator: self.operators.of(&step.operator),
            text: if said { Arc::default() } else { self.words(&step.text, step.input, names) },
            ..step.clone()
        }
    }

    fn event(&mut self, event: &Transition, names: Names<'_>) -> Transition {
        let said = event.rule.starts_with(FOREIGN) || event.operation != 0;
        Transition {
            rule: self.rule(&event.rule),
            place: self.place(&event.place, names),
            text: if said { Arc::default() } else { self.words(&event.text, event.input, names) },
            ..event.clone()
        }
    }

    /// Words of the engine. Those of a suppression name its cause; where only operators act there
    /// are none.
    fn words(&mut self, text: &Arc<str>, input: Input, names: Names<'_>) -> Arc<str> {
        match input {
            Input::Raise | Input::Clear | Input::ReAnnunciate | Input::Unsuppress => Arc::clone(text),
            Input::Unshelve if ["time is over", "it cleared: one-shot"].contains(&&**text) => {
                Arc::clone(text)
            }
            Input::Suppress if text.starts_with("part of ") => Arc::clone(text),
            Input::Suppress => match text.strip_prefix("by ").and_then(|t| t.split_once(' ')) {
                Some((rule, place)) => {
                    format!("by {} {}", self.rule(&rule.into()), self.place(&place.into(), names)).into()
                }
                None => Arc::default(),
            },
            _ => Arc::default(),
        }
    }
}
