//! From a scenario to a timeline on one site: assets found, chance drawn, everything by the second.

use std::collections::BTreeMap;

use crate::model::alarm::rule::{AlarmRule, Scope};
use crate::model::document::FileError;
use crate::model::id::Span;
use crate::model::{Asset, Topology, TrayId, text};
use crate::source::sim::effect::Effect;
use crate::source::sim::noise::Rng;
use crate::source::sim::scenario::ground::{Ground, Level, Need};
use crate::source::sim::scenario::{
    Among, Event, MAX_EFFECTS, MAX_WATCHED, On, Pick, RESERVED, Scenario, Share, Signature,
};
use crate::source::sim::workload::Workload;

/// Streams of chance: one for the pick, and one for each event after it, so that an event more does
/// not change what the others draw.
const PICK_DRAW: u64 = 0x5CE0;

/// What happens on one site, second by second.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Timeline {
    /// Second at which the scenario starts.
    pub start: u64,
    /// Seconds from its start to its end, or to its last effect where that is later.
    pub length: u64,
    /// The asset that was drawn.
    pub picked: Option<Asset>,
    /// Alarms that must be raised.
    pub raises: Vec<ExpectedAlarm>,
    /// Alarms that must not be raised.
    pub quiet: Vec<(&'static AlarmRule, Vec<Asset>)>,
    /// What the physics must show.
    pub watches: Vec<Watch>,
    seconds: Vec<u64>,
    effects: Vec<Effect>,
}

/// An alarm that must be raised on this site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExpectedAlarm {
    /// The rule.
    pub rule: &'static AlarmRule,
    /// At or in one of these assets.
    pub assets: Vec<Asset>,
    /// Not before this second after the start.
    pub from: u64,
    /// Not after this second after the start.
    pub until: u64,
}

/// A signature with the assets of this site.
#[derive(Clone, PartialEq, Debug)]
pub struct Watch {
    /// What must be seen.
    pub signature: Signature,
    /// The assets whose values it is about, as ids of their kind ([`Signature::level`]).
    pub spans: Vec<Span>,
}

impl Timeline {
    /// What happens in second `second` of the simulation, in order.
    #[must_use]
    pub fn due(&self, second: u64) -> &[Effect] {
        let Some(at) = second.checked_sub(self.start) else { return &[] };
        let first = self.seconds.partition_point(|s| *s < at);
        let end = self.seconds.partition_point(|s| *s <= at);
        &self.effects[first..end]
    }

    /// All effects with their seconds after the start, in order.
    pub fn effects(&self) -> impl ExactSizeIterator<Item = (u64, &Effect)> {
        self.seconds.iter().copied().zip(&self.effects)
    }

    /// The same, started at second `start`.
    #[must_use]
    pub fn starting_at(self, start: u64) -> Self {
        Self { start, ..self }
    }
}

impl Scenario {
    /// Finds the assets of the scenario on `topology` and draws what is left to chance from `seed`;
    /// `work` tells where jobs run. The same arguments give the same timeline on every machine.
    ///
    /// # Errors
    /// An asset that does not exist or does not fit its verb, a pick that the site cannot satisfy,
    /// too many effects: with file and line.
    pub fn resolve(&self, topology: &Topology, work: &Workload, seed: u64) -> Result<Timeline, FileError> {
        let ground = Ground::new(topology, work);
        let mut r = Resolver { scenario: self, ground, picked: None, sets: BTreeMap::new(), seed };
        r.picked = self.pick.as_ref().map(|p| r.pick(p)).transpose()?;
        let mut due = Due::default();
        for (i, event) in self.events.iter().enumerate() {
            r.event(i, event, &mut due)?;
        }
        // Stable: what happens in the same second keeps the order of the file.
        due.effects.sort_by_key(|(second, _)| *second);
        let last = due.effects.last().map_or(0, |(second, _)| *second);
        let (seconds, effects) = due.effects.into_iter().unzip();
        let mut timeline = Timeline {
            length: self.length.max(last),
            picked: r.picked,
            seconds,
            effects,
            ..Timeline::default()
        };
        r.expectations(&mut timeline)?;
        Ok(timeline)
    }
}

/// Effects on their way into a timeline, and how many assets they are for.
#[derive(Default)]
struct Due {
    effects: Vec<(u64, Effect)>,
    size: usize,
}

/// The assets of an event, ascending, and where each group of them begins.
struct Groups {
    ids: Vec<u32>,
    starts: Vec<usize>,
}

impl Groups {
    fn ids_of(&self, group: usize) -> &[u32] {
        let end = self.starts.get(group + 1).copied().unwrap_or(self.ids.len());
        &self.ids[self.starts[group]..end]
    }
}

struct Resolver<'a> {
    scenario: &'a Scenario,
    ground: Ground<'a>,
    picked: Option<Asset>,
    sets: BTreeMap<String, Vec<Asset>>,
    seed: u64,
}

impl Resolver<'_> {
    fn site(&self) -> String {
        text::clean(self.ground.topology.site())
    }

    /// Draws an asset on which every event that names it makes sense.
    fn pick(&self, pick: &Pick) -> Result<Asset, FileError> {
        let all = self.ground.parts(Asset::Site, pick.kind);
        let kind = pick.kind.name();
        if all.is_empty() {
            return Err(self.scenario.error(pick.line, format!("{} has no {kind} to pick", self.site())));
        }
        let events: Vec<&Event> = self.scenario.events.iter().filter(|e| e.on == On::Picked).collect();
        let mut able = all;
        for event in events {
            let need = (event.verb.need)(&event.values);
            able.retain(|id| !self.able(pick.kind.asset(*id), event).is_empty());
            if able.is_empty() {
                let what = if need == Need::Nothing {
                    format!("has a {} for `{}`", event.verb.level.name(), event.verb.name)
                } else {
                    format!("{}, as `{}` needs it", need.missing(), event.verb.name)
                };
                return Err(self.scenario.error(pick.line, format!("no {kind} of {} {what}", self.site())));
            }
        }
        if pick.among != Among::Any {
            let share = self.ground.training(pick.among == Among::LargestJob);
            let most = able.iter().map(|id| share(pick.kind.asset(*id))).max().unwrap_or(0);
            if most == 0 {
                let job = if pick.among == Among::Training { "training jobs" } else { "the largest job" };
                let message = format!("no {kind} of {} is held by {job}", self.site());
                return Err(self.scenario.error(pick.line, message));
            }
            able.retain(|id| share(pick.kind.asset(*id)) == most);
        }
        let mut rng = Rng::new(self.seed, PICK_DRAW);
        Ok(pick.kind.asset(rng.pick(&able)))
    }

    /// The parts of `asset` on which `event` makes sense.
    fn able(&self, asset: Asset, event: &Event) -> Vec<u32> {
        let need = (event.verb.need)(&event.values);
        let mut ids = self.ground.parts(asset, event.verb.level);
        ids.retain(|id| self.ground.has(event.verb.level, *id, need));
        ids
    }

    fn assets(&self, on: &On, line: usize) -> Result<Vec<Asset>, FileError> {
        let none = || self.scenario.error(line, "nothing is picked");
        match on {
            On::Site => Ok(vec![Asset::Site]),
            On::Picked => Ok(vec![self.picked.ok_or_else(none)?]),
            On::Job => {
                let picked = self.picked.ok_or_else(none)?;
                let trays = self.ground.job_of(picked);
                let idle = || self.scenario.error(line, "no job runs on what was picked");
                Ok(trays.ok_or_else(idle)?.map(|t| Asset::Tray(TrayId::new(t))).collect())
            }
            On::Set(name) => Ok(self.sets.get(name).cloned().unwrap_or_default()),
            On::Asset(name) => match self.ground.topology.find(name) {
                Ok(asset) => Ok(vec![asset]),
                Err(e) => Err(self.scenario.error(line, self.unknown(name, e))),
            },
        }
    }

    /// The words for an asset that does not exist; what looks like a word of its own is told so.
    fn unknown(&self, name: &str, of_topology: String) -> String {
        let sets = self.scenario.events.iter().filter_map(|e| e.named.as_deref());
        match text::nearest(name, RESERVED.into_iter().chain(sets)) {
            Some(near) => format!("no `{name}` in {}: did you mean `{near}`?", self.site()),
            None => of_topology,
        }
    }

    fn event(&mut self, index: usize, event: &Event, due: &mut Due) -> Result<(), FileError> {
        let mut rng = Rng::new(self.seed, PICK_DRAW + 1 + index as u64);
        let groups = self.groups(event)?;
        let drawn = self.drawn(event, groups.starts.len(), &mut rng)?;
        let mut at: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (k, group) in drawn.into_iter().enumerate() {
            let ids = groups.ids_of(group);
            due.size += ids.len();
            if due.size > MAX_EFFECTS {
                let message =
                    format!("more than {MAX_EFFECTS} effects on {}: name fewer assets", self.site());
                return Err(self.scenario.error(event.line, message));
            }
            for id in ids {
                let by_chance = rng.below(event.spread + 1);
                at.entry(event.at + event.each * k as u64 + by_chance).or_default().push(*id);
            }
        }
        if let Some(name) = &event.named {
            let mut assets: Vec<Asset> =
                at.values().flatten().map(|id| event.verb.level.asset(*id)).collect();
            assets.sort_unstable();
            self.sets.insert(name.clone(), assets);
        }
        for (second, ids) in at {
            match event.verb.together(&ids, &event.values) {
                Some(effect) => due.effects.push((second, effect)),
                None => {
                    let one = |id: &u32| (second, event.verb.effect(*id, &event.values));
                    due.effects.extend(ids.iter().map(one));
                }
            }
        }
        Ok(())
    }

    /// The assets that the event may act on, group by group.
    fn groups(&self, event: &Event) -> Result<Groups, FileError> {
        let assets = self.assets(&event.on, event.on_line)?;
        let mut ids: Vec<u32> = assets.iter().flat_map(|a| self.able(*a, event)).collect();
        if ids.is_empty() {
            return Err(self.scenario.error(event.on_line, self.unfit(event, &assets)));
        }
        // Neighbours stand together: what belongs to one head is a run of ids.
        ids.sort_unstable();
        ids.dedup();
        let level = event.verb.level;
        let head = |id: u32| {
            if event.per == level { id } else { self.ground.span(level.asset(id), event.per).start }
        };
        let starts = (0..ids.len()).filter(|i| *i == 0 || head(ids[i - 1]) != head(ids[*i])).collect();
        Ok(Groups { ids, starts })
    }

    fn unfit(&self, event: &Event, assets: &[Asset]) -> String {
        let need = (event.verb.need)(&event.values);
        let name = assets.first().map_or_else(|| event.on.to_string(), |a| self.ground.topology.name(*a));
        let (verb, kind) = (event.verb.name, event.verb.level.name());
        let what = if need == Need::Nothing { String::new() } else { format!(" that {}", need.missing()) };
        format!("{name} has no {kind}{what}: `{verb}` makes no sense there")
    }

    /// Which of `there` groups the event is for, in order.
    fn drawn(&self, event: &Event, there: usize, rng: &mut Rng) -> Result<Vec<usize>, FileError> {
        let draw = |low: u32, high: u32, rng: &mut Rng| {
            let (low, high) = (low as usize, (high as usize).min(there));
            if low > there {
                let kind = event.per.name();
                let message = format!("cannot draw {low} of kind {kind}: there are only {there}");
                return Err(self.scenario.error(event.line, message));
            }
            Ok(rng.whole(low as u64, high as u64) as usize)
        };
        let wanted = match event.share {
            Share::All => return Ok((0..there).collect()),
            Share::Count(low, high) => draw(low, high, rng)?,
            Share::But(low, high) => there - draw(low, high, rng)?,
        };
        let mut order: Vec<usize> = (0..there).collect();
        rng.shuffle(&mut order);
        order.truncate(wanted);
        order.sort_unstable();
        Ok(order)
    }

    /// Finds the assets of alarms and signatures.
    fn expectations(&self, timeline: &mut Timeline) -> Result<(), FileError> {
        let mut size = 0;
        let mut spend = |n: usize, line: usize| {
            size += n;
            let message = || format!("alarms and signatures name more than {MAX_WATCHED} assets");
            if size > MAX_WATCHED { Err(self.scenario.error(line, message())) } else { Ok(()) }
        };
        for raise in &self.scenario.raises {
            let assets = self.at_scope(&raise.on, raise.rule, raise.line)?;
            spend(assets.len(), raise.line)?;
            let (from, until) = (raise.at, raise.at + raise.within);
            timeline.raises.push(ExpectedAlarm { rule: raise.rule, assets, from, until });
        }
        for quiet in &self.scenario.quiet {
            for rule in &quiet.rules {
                let assets = self.at_scope(&quiet.on, rule, quiet.line)?;
                spend(assets.len(), quiet.line)?;
                timeline.quiet.push((rule, assets));
            }
        }
        for signature in &self.scenario.signatures {
            let level = signature.level();
            let assets = self.assets(&signature.of, signature.line)?;
            let spans = merged(assets.iter().map(|a| self.ground.span(*a, level)).collect());
            spend(spans.len(), signature.line)?;
            if spans.is_empty() {
                let message = format!("{} has no {}", signature.of, level.name());
                return Err(self.scenario.error(signature.line, message));
            }
            timeline.watches.push(Watch { signature: signature.clone(), spans });
        }
        Ok(())
    }

    /// The assets at or in which an alarm of `rule` stands: what is below its scope means the asset
    /// of that scope around it.
    fn at_scope(&self, on: &On, rule: &AlarmRule, line: usize) -> Result<Vec<Asset>, FileError> {
        let scope = match rule.scope {
            Scope::Site => Level::Site,
            Scope::Hall => Level::Hall,
            Scope::Row => Level::Row,
            Scope::Cdu => Level::Cdu,
            Scope::Rack => Level::Rack,
            Scope::Tray => Level::Tray,
            Scope::Gpu | Scope::Job => Level::Gpu,
        };
        let mut assets: Vec<Asset> = Vec::new();
        for asset in self.assets(on, line)? {
            if Level::of(asset) > scope {
                assets.extend(self.ground.parts(asset, scope).into_iter().map(|id| scope.asset(id)));
            } else {
                assets.push(asset);
            }
        }
        assets.sort_unstable();
        assets.dedup();
        Ok(assets)
    }
}

/// Spans in order, those that touch joined, empty ones left out.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|s| !s.is_empty());
    spans.sort_unstable_by_key(|s| (s.start, s.end));
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}
