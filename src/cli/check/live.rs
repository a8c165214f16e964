//! `check --live`: asks every source once and says what the console would get from it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::cli::check::Checked;
use crate::cli::config::Settings;
use crate::cli::start::{Ready, wall_clock};
use crate::cli::{CliError, runtime};
use crate::engine::Core;
use crate::fleet::snapshot::EngineStatus;
use crate::fleet::{Snapshot, SourceView};
use crate::model::entry::{TargetState, TargetStatus};
use crate::model::{Asset, Entry, GpuId, Metric, Topology};
use crate::source::Outlet;
use crate::ui::text;

/// Memory for a past that nobody looks at, bytes.
const HISTORY: usize = 1 << 20;
/// Entries that may wait.
const QUEUE: usize = 64;
/// After all targets have been tried, what is still under way gets this long.
const SETTLE: Duration = Duration::from_millis(1500);

/// Asks all live sources of the settings, each for itself, for `wait` at most.
pub fn ask(settings: &Settings, wait: Duration) -> Vec<Checked> {
    let runtime = match runtime::start() {
        Ok(runtime) => runtime,
        Err(e) => return vec![Err(e)],
    };
    runtime.block_on(async {
        let mut asked = Vec::new();
        for (i, spec) in settings.sources.iter().enumerate().filter(|(_, s)| s.is_live()) {
            asked.push(match Ready::new(settings, i, spec) {
                Ok(ready) => Ok(tokio::spawn(listen(ready, core(settings), settings.topology.clone(), wait))),
                Err(e) => Err(e),
            });
        }
        let mut results = Vec::new();
        for one in asked {
            match one {
                Ok(task) => match task.await {
                    Ok(heard) => results.extend(told(&heard, settings.has_places())),
                    Err(e) => results.push(Err(CliError::Failed(format!("a source broke: {e}")))),
                },
                Err(e) => results.push(Err(e)),
            }
        }
        if results.is_empty() {
            results.push(Ok(String::from("no live source to ask: the site is simulated or recorded")));
        }
        results
    })
}

fn core(settings: &Settings) -> Core {
    Core::new(Arc::clone(&settings.topology), settings.placer.as_ref().clone(), HISTORY)
}

/// Lets one source speak until each of its targets has been tried.
async fn listen(ready: Ready, mut core: Core, topology: Arc<Topology>, wait: Duration) -> Snapshot {
    let (tx, mut rx) = mpsc::channel(QUEUE);
    ready.spawn(&topology, Outlet { source: 0, tx, clock: wall_clock });
    let mut end = Instant::now() + wait;
    let mut settled = false;
    while let Ok(Some(entry)) = timeout_at(end, rx.recv()).await {
        core.apply(&entry);
        let is_told = matches!(entry, Entry::Source(_));
        if is_told && !settled && is_tried(&core.snapshot(EngineStatus::default())) {
            settled = true;
            end = end.min(Instant::now() + SETTLE);
        }
    }
    core.apply(&Entry::Tick(wall_clock()));
    core.snapshot(EngineStatus::default())
}

fn is_tried(state: &Snapshot) -> bool {
    let waiting = |s: &SourceView| s.targets.iter().any(|t| t.state == TargetState::Waiting);
    let mut sources = state.sources.iter();
    sources.next().is_some_and(|s| !s.targets.is_empty() && !waiting(s))
}

/// One line for each thing there is to say; `placed`: hosts ought to find a place.
fn told(state: &Snapshot, placed: bool) -> Vec<Checked> {
    let Some(view) = state.sources.first() else {
        return vec![Err(CliError::Failed(String::from("a source said nothing in the time given")))];
    };
    let name = &view.status.name;
    let mut lines = vec![Ok(format!("{name}: {}", gets(state, view)))];
    let wrong = |said: String| Err(CliError::Failed(format!("{name}: {said}")));
    // A remark, such as which share of the targets this is, is no mistake.
    lines.extend(view.status.note.iter().map(|note| Ok(format!("{name}: note: {note}"))));
    if view.targets.is_empty() {
        lines.push(wrong(String::from("no target to ask, and nobody who sends")));
    }
    lines.extend(failing(view).map(wrong));
    lines
        .extend(unplaced(state).map(|said| if placed { wrong(said) } else { Ok(format!("{name}: {said}")) }));
    lines.extend(missing(state).map(|said| Ok(format!("{name}: {said}"))));
    lines
}

/// What comes: targets, samples, GPUs, points of the plant.
fn gets(state: &Snapshot, view: &SourceView) -> String {
    let (up, ..) = view.tally();
    // The row of an engine is the sum of those of its queries, which carry its name.
    let engine = view.targets.first().map(|t| format!("{} ", t.name)).unwrap_or_default();
    let own = view.targets.iter().filter(|t| !t.name.starts_with(&engine));
    let samples: u64 = own.map(|t| u64::from(t.samples)).sum();
    let counts = state.frame.counts(Asset::Site);
    let seen = counts.good + counts.stale + counts.unsupported;
    let hosts = state.trays.iter().filter(|answers| **answers).count();
    let mut said = format!(
        "{} of {} targets up, {} samples, {} GPUs on {} hosts",
        text::integer(up as u64),
        text::integer(view.targets.len() as u64),
        text::integer(samples),
        text::integer(seen.into()),
        text::integer(hosts as u64),
    );
    let points = state.frame.facility.reported();
    if points > 0 {
        said.push_str(&format!(", {} points of the plant", text::integer(points as u64)));
    }
    said
}

/// How many targets do not answer, and the first of them with its reason.
fn failing(view: &SourceView) -> Option<String> {
    let down = |t: &&Arc<TargetStatus>| t.state != TargetState::Up;
    let first = view.targets.iter().find(down)?;
    let count = view.targets.iter().filter(down).count();
    let why = match &first.state {
        TargetState::Down(why) => why.as_str(),
        _ => "no answer in the time given",
    };
    Some(format!("{count} targets do not answer; first: {}: {why}", first.name))
}

fn unplaced(state: &Snapshot) -> Option<String> {
    let t = &state.frame.topology;
    let racks = t.halls().iter().filter(|h| h.unplaced).flat_map(|h| h.gpus.iter());
    let mut hosts: Vec<&str> = racks.map(|g| t.tray(t.tray_of(GpuId(g))).host.as_str()).collect();
    hosts.dedup();
    let first = hosts.first()?;
    Some(match hosts.len() {
        1 => format!("1 host matches no placing rule: {first}"),
        n => format!("{n} hosts match no placing rule; first: {first}"),
    })
}

/// The metrics of which no GPU says anything.
fn missing(state: &Snapshot) -> Option<String> {
    if state.frame.counts(Asset::Site).good == 0 {
        return None;
    }
    let derived = [Metric::Job, Metric::Tenant, Metric::Age, Metric::Health];
    let is_silent = |m: &Metric| {
        let column = state.frame.column(*m);
        !derived.contains(m) && (0..column.len()).all(|i| column.raw(i) == m.none_raw())
    };
    let silent: Vec<_> = Metric::ALL.into_iter().filter(is_silent).map(|m| m.spec().label).collect();
    (!silent.is_empty()).then(|| format!("no values of {}", silent.join(", ")))
}
