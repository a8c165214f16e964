//! `snapshot`: one picture or the figures, to standard output.

mod alarms;
mod figures;
mod jobs;
mod picture;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::cli::CliError;
use crate::cli::args::{Format, SnapshotArgs, SnapshotView};
use crate::cli::config::{Settings, SourceSpec};
use crate::cli::{runtime, scenario, start, watch};
use crate::engine::Core;
use crate::fleet::Snapshot;
use crate::fleet::snapshot::EngineStatus;
use crate::model::entry::TargetState;
use crate::model::time::SIM_EPOCH;
use crate::model::{Asset, Entry};
use crate::record::RecordError;
use crate::source::replay::Replay;
use crate::source::sim::scenario::Plan;
use crate::ui::app::App;
use crate::ui::depth::ColorDepth;

/// Simulated seconds that are run when `--ticks` is not given.
const DEFAULT_TICKS: u32 = 120;

/// Writes the snapshot to `out`.
///
/// # Errors
/// The view does not exist, or live sources had nothing to say in time.
pub fn run(settings: Settings, args: &SnapshotArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let snapshot = match settings.sources.as_slice() {
        [SourceSpec::Sim { seed, script, .. }] => {
            let plan = scenario::plan(*seed, script.as_ref());
            simulated(&settings, &plan, args.ticks.unwrap_or(DEFAULT_TICKS))?
        }
        [SourceSpec::Replay { path, .. }] => replayed(&settings, path, args.ticks)?,
        _ if args.ticks.is_some() => {
            return Err(CliError::Usage(
                "--ticks needs the simulator or a recording as the only source".into(),
            ));
        }
        _ => {
            let snapshot = live(&settings, args.wait)?;
            // The list of sources is worth most when nobody answers.
            if args.view != SnapshotView::Sources && !answered(&snapshot) {
                return Err(CliError::Failed(silence(&snapshot, args.wait)));
            }
            snapshot
        }
    };
    let asset = args.view.asset(&snapshot.frame.topology)?;
    let text = match args.format {
        Format::Json => {
            let object = match args.view {
                SnapshotView::Sources => figures::sources(&snapshot),
                SnapshotView::Jobs => jobs::object(&snapshot),
                SnapshotView::Alarms => alarms::object(&snapshot),
                _ => figures::object(&snapshot, asset),
            };
            figures::write(&object).map_err(|e| CliError::Failed(format!("cannot write JSON: {e}")))?
        }
        format => {
            let buf = draw(&settings, args, snapshot, asset)?;
            match format {
                Format::Ansi => picture::ansi(&buf),
                Format::Svg => picture::svg(&buf),
                _ => picture::text(&buf),
            }
        }
    };
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// The simulated site after `ticks` seconds, in fast time from the fixed epoch: repeatable to the
/// byte.
///
/// # Errors
/// The scenario does not fit the site.
pub(super) fn simulated(settings: &Settings, plan: &Plan, ticks: u32) -> Result<Snapshot, CliError> {
    let budget = usize::try_from(settings.history_bytes).unwrap_or(usize::MAX);
    let mut core = Core::new(Arc::clone(&settings.topology), settings.placer.as_ref().clone(), budget)
        .with_rules(settings.rules.clone());
    let mut sim = plan.start(Arc::clone(&settings.topology))?;
    core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
    for tick in 0..i64::from(ticks) {
        let time = SIM_EPOCH.plus_millis(1000 * tick);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        core.apply(&Entry::Tick(time));
        core.maintain();
    }
    Ok(core.snapshot(EngineStatus::default()))
}

/// The site after the frames of a recording, the first `ticks` of them or all, with the rules of
/// today.
///
/// # Errors
/// It cannot be read.
fn replayed(settings: &Settings, path: &Path, ticks: Option<u32>) -> Result<Snapshot, CliError> {
    let failed = |e: RecordError| CliError::Failed(e.to_string());
    let budget = usize::try_from(settings.history_bytes).unwrap_or(usize::MAX);
    let mut core = Core::new(Arc::clone(&settings.topology), settings.placer.as_ref().clone(), budget)
        .with_rules(settings.rules.clone());
    let mut replay = Replay::open(path).map_err(failed)?.of_site(&settings.topology);
    core.apply(&Entry::Source(replay.status(0)));
    for _ in 0..ticks.unwrap_or(u32::MAX) {
        let Some(batch) = replay.step(0).map_err(failed)? else { break };
        let time = batch.time;
        core.apply(&Entry::Batch(batch));
        core.apply(&Entry::Tick(time));
        core.maintain();
    }
    Ok(core.snapshot(EngineStatus::default()))
}

/// What live sources have to say once each target was tried, or when the wait is over.
fn live(settings: &Settings, wait: Duration) -> Result<Snapshot, CliError> {
    let prepared = start::prepare(settings)?;
    let sources = settings.sources.len();
    runtime::start()?.block_on(async {
        let mut handle = prepared.spawn();
        let all = async {
            while handle.snapshots.changed().await.is_ok() {
                if tried(&handle.snapshots.borrow(), sources) {
                    // What arrived with the last report is committed by the next tick.
                    let _ = handle.snapshots.changed().await;
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(wait, all).await;
        let snapshot = handle.snapshots.borrow().as_ref().clone();
        Ok(snapshot)
    })
}

/// True when at least one target was understood.
fn answered(snapshot: &Snapshot) -> bool {
    snapshot.sources.iter().any(|s| s.tally().0 > 0)
}

fn tried(snapshot: &Snapshot, sources: usize) -> bool {
    let waiting = |s: &crate::fleet::SourceView| s.tally().2 > 0;
    snapshot.sources.len() == sources && !snapshot.sources.iter().any(waiting)
}

/// Why there is nothing to show: the first reasons of the targets.
fn silence(snapshot: &Snapshot, wait: Duration) -> String {
    let targets = snapshot.sources.iter().flat_map(|s| s.targets.iter());
    let reasons: Vec<_> = targets
        .filter_map(|t| match &t.state {
            TargetState::Down(why) => Some(format!("\n  {}: {why}", t.name)),
            _ => None,
        })
        .take(5)
        .collect();
    format!("no source had values within {} s{}", wait.as_secs(), reasons.concat())
}

fn draw(
    settings: &Settings,
    args: &SnapshotArgs,
    snapshot: Snapshot,
    asset: Asset,
) -> Result<Buffer, CliError> {
    let (width, height) = (args.size.columns, args.size.rows);
    // Text has no colours: the drawing for terminals without any says most.
    let depth = if args.format == Format::Text { ColorDepth::Mono } else { ColorDepth::TrueColor };
    let mut app = App::new(watch::options(settings, depth)?, Arc::new(snapshot));
    app.resize(width, height);
    let view = args.view.kind();
    // Before the view: what it shows is computed when it opens.
    app.set_layer(args.metric);
    app.show(view, asset);
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    app.render(area, &mut buf);
    Ok(buf)
}

#[cfg(test)]
mod tests {
    use crate::cli::args::Args;
    use clap::Parser;

    fn snapshot(line: &str) -> Result<String, String> {
        let args = Args::try_parse_from(line.split_whitespace()).expect("valid arguments");
        let mut out = Vec::new();
        crate::cli::run(args, &mut out).map_err(|e| e.report())?;
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let line = "hallwatch snapshot --topology sites/air-cooled.toml --format json --seed 7 --ticks 30";
        let first = snapshot(line).expect("it runs");
        assert_eq!(Ok(first.clone()), snapshot(line));
        assert_ne!(Ok(first), snapshot(&line.replace("--seed 7", "--seed 8")));
    }

    #[test]
    fn a_scenario_changes_the_bytes_and_the_same_one_does_not() {
        let line = "hallwatch snapshot --topology sites/air-cooled.toml --format json --seed 7 --ticks 30";
        let scripted = format!("{line} --scenario grid-dip --at 10s");
        let first = snapshot(&scripted).expect("it runs");
        assert_eq!(Ok(first.clone()), snapshot(&scripted));
        assert_ne!(Ok(first.clone()), snapshot(line));
        let json: serde_json::Value = serde_json::from_str(&first).expect("JSON");
        let hz = json["site"]["facility"]["frequency"]["value"].as_f64().expect("a number");
        assert!((49.5..49.7).contains(&hz), "{hz}");
        let late = snapshot(&scripted.replace("--at 10s", "--at 1h")).expect("it runs");
        assert_eq!(late, snapshot(line).expect("it runs"), "nothing has happened yet");
    }

    #[test]
    fn every_view_is_drawn_at_every_size() {
        for view in ["site", "hall:H1", "power", "cooling", "grid", "sources", "jobs", "alarms"] {
            for size in ["200x60", "120x40", "80x24", "40x12"] {
                let text = snapshot(&format!(
                    "hallwatch snapshot --topology sites/air-cooled.toml --ticks 3 --view {view} --size {size}"
                ))
                .expect("it draws");
                let rows = size.split_once('x').map(|(_, h)| h.parse::<usize>().expect("a number"));
                assert_eq!(Some(text.lines().count()), rows, "{view} {size}");
                assert!(text.trim().len() > 40, "{view} {size} is empty");
            }
        }
    }

    #[test]
    fn ticks_without_the_simulator_are_a_usage_error() {
        let e = snapshot("hallwatch snapshot --local --ticks 3").expect_err("no simulator");
        assert!(e.contains("--ticks"), "{e}");
    }

    #[test]
    fn the_picture_shows_the_metric_it_is_asked_for() {
        let line = "hallwatch snapshot --topology sites/air-cooled.toml --ticks 3 --view hall:H1";
        let json = snapshot(&format!("{line} --format json")).expect("it runs");
        let figures: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        for (metric, unit) in [("temp", "°C"), ("power", "W")] {
            let max = figures["hall"]["metrics"][metric]["max"].as_f64().expect("a number");
            let text = snapshot(&format!("{line} --metric {metric}")).expect("it draws");
            let worst = text.split("WORST").nth(1).expect("a list of the worst");
            assert!(worst.contains(&format!("{max} {unit}")), "{metric} {max} {unit} in {worst}");
        }
    }
}
