//! `record` and `serve`: the whole engine without a screen, with alarms, journal and recorder.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::args::{EngineArgs, RecordArgs};
use crate::cli::config::{Settings, SourceSpec};
use crate::cli::{CliError, runtime, scenario, start, units};
use crate::engine::Core;
use crate::fleet::past::{RecorderState, RecorderView};
use crate::fleet::snapshot::EngineStatus;
use crate::model::Entry;
use crate::model::time::SIM_EPOCH;
use crate::record::{FlightRecorder, RecordError, Writer};

/// How long journal and recorder may take to close.
const CLOSE: Duration = Duration::from_secs(10);
/// How often a recorder is asked how it is.
const LOOK: Duration = Duration::from_secs(1);

/// Runs `record`.
///
/// # Errors
/// The file exists, or cannot be written.
pub fn record(settings: Settings, args: &RecordArgs, out: &mut dyn Write) -> Result<(), CliError> {
    if let Some(path) = args.output.as_deref().filter(|p| p.exists()) {
        return Err(RecordError::Exists(path.to_owned()).into());
    }
    if let (Some(ticks), Some(path)) = (args.ticks, &args.output) {
        return simulate(&settings, ticks, path, out);
    }
    let recorder = match &args.output {
        Some(path) => FlightRecorder::start_file(path.clone()),
        None => flight(&settings, args.recorder_budget),
    };
    let recorder = recorder.map_err(|source| CliError::Start { what: "the recorder", source })?;
    run(&settings, Some(recorder), args.length, out)
}

/// Runs `serve` until it is stopped.
///
/// # Errors
/// Settings that cannot be used.
pub fn serve(settings: Settings, args: &EngineArgs, out: &mut dyn Write) -> Result<(), CliError> {
    let recorder = if args.no_record {
        None
    } else {
        let started = flight(&settings, args.recorder_budget);
        Some(started.map_err(|source| CliError::Start { what: "the recorder", source })?)
    };
    run(&settings, recorder, None, out)
}

/// The flight recorder in the folder of the settings.
///
/// # Errors
/// Its thread cannot be started.
pub fn flight(settings: &Settings, budget: Option<u64>) -> std::io::Result<FlightRecorder> {
    let folder = settings.operator.recorder(settings.is_live());
    FlightRecorder::start(folder, budget.unwrap_or(settings.recorder.budget))
}

/// The simulated site in fast time, from the fixed epoch: the same arguments give the same bytes.
fn simulate(settings: &Settings, ticks: u32, path: &Path, out: &mut dyn Write) -> Result<(), CliError> {
    let [SourceSpec::Sim { seed, script, .. }] = settings.sources.as_slice() else {
        return Err(CliError::Usage("--ticks needs the simulator as the only source".into()));
    };
    let plan = scenario::plan(*seed, script.as_ref());
    let budget = usize::try_from(settings.history_bytes).unwrap_or(usize::MAX);
    let mut core = Core::new(Arc::clone(&settings.topology), settings.placer.as_ref().clone(), budget)
        .with_rules(settings.rules.clone());
    let mut sim = plan.start(Arc::clone(&settings.topology))?;
    core.apply(&Entry::Source(sim.status(SIM_EPOCH, 0)));
    let mut writer: Option<Writer> = None;
    for tick in 0..i64::from(ticks) {
        let time = SIM_EPOCH.plus_millis(1000 * tick);
        core.apply(&Entry::Batch(sim.step(time, 0)));
        core.apply(&Entry::Tick(time));
        core.maintain();
        let snapshot = core.snapshot(EngineStatus::default());
        let open = match writer.take() {
            Some(open) => open,
            None => Writer::create(path, &snapshot)?,
        };
        writer.insert(open).write(&snapshot)?;
    }
    if let Some(writer) = writer {
        let bytes = writer.finish()?;
        writeln!(out, "{}: {ticks} frames, {bytes} bytes", path.display())?;
    }
    Ok(())
}

fn run(
    settings: &Settings,
    recorder: Option<FlightRecorder>,
    length: Option<Duration>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let (prepared, journal) = start::prepare(settings)?.with_journal(settings)?;
    let mut prepared = prepared.with_backfill(&settings.operator.recorder(settings.is_live()))?;
    if let Some(recorder) = &recorder {
        prepared = prepared.with_recorder(recorder.clone());
    }
    let failed = runtime::start()?.block_on(async {
        let handle = prepared.spawn();
        if let Some(recorder) = &recorder {
            writeln!(
                out,
                "recording{}",
                length.map(|l| format!(" for {}", units::show_duration(l))).unwrap_or_default()
            )?;
            out.flush()?;
            let failed = wait(recorder, length).await?;
            drop(handle);
            let _ = tokio::time::timeout(CLOSE, journal.close()).await;
            return Ok::<_, CliError>(failed);
        }
        interrupted().await?;
        drop(handle);
        let _ = tokio::time::timeout(CLOSE, journal.close()).await;
        Ok(None)
    })?;
    let Some(recorder) = recorder else { return Ok(()) };
    let view = recorder.view();
    let closed = recorder.close(CLOSE);
    if let Some(why) = failed {
        return Err(CliError::Failed(why));
    }
    if !closed {
        return Err(CliError::Failed(format!(
            "{}: the disk did not take the end of the recording",
            view.file
        )));
    }
    writeln!(out, "{}", summary(&view))?;
    Ok(())
}

fn summary(view: &RecorderView) -> String {
    let lost = if view.dropped > 0 { format!(", {} not written", view.dropped) } else { String::new() };
    format!("{}: {} frames{lost}", view.file, view.frames)
}

/// Waits for the end; a recorder that fails for good ends a recording into one file.
async fn wait(recorder: &FlightRecorder, length: Option<Duration>) -> Result<Option<String>, CliError> {
    let end = async {
        match length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    let failing = async {
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            if let RecorderState::Failing(why) = recorder.view().state
                && recorder.is_single()
            {
                return why.to_string();
            }
        }
    };
    tokio::select! {
        () = end => Ok(None),
        stopped = interrupted() => stopped.map(|()| None),
        why = failing => Ok(Some(why)),
    }
}

/// Waits for SIGINT, SIGTERM or SIGHUP.
async fn interrupted() -> Result<(), CliError> {
    let handler =
        |kind| signal(kind).map_err(|source| CliError::Start { what: "the handler of signals", source });
    let (mut int, mut term, mut hup) = (
        handler(SignalKind::interrupt())?,
        handler(SignalKind::terminate())?,
        handler(SignalKind::hangup())?,
    );
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
    Ok(())
}
