//! `replay`: the same console on a recording.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::args::{Options, ReplayArgs};
use crate::cli::{CliError, config, files, runtime, watch as console};
use crate::engine::desk::Desk;
use crate::engine::past::PastDesk;
use crate::fleet::Snapshot;
use crate::fleet::past::Tape;
use crate::model::alarm::AlarmBoard;
use crate::model::{Timestamp, text};
use crate::record::{Recording, RecordingTape};
use crate::session::console::Console;
use crate::session::local;
use crate::ui::app::time::{self, Around};

/// Portions in which a chronicle is read at most before a moment is looked up in it.
const PORTIONS: usize = 10_000;

/// Runs the console on a recording until the operator quits.
///
/// # Errors
/// What is named is no recording, a moment lies outside of it, or there is no terminal to draw on.
pub fn run(args: &ReplayArgs) -> Result<ExitCode, CliError> {
    let recording = Recording::open(&args.file)?;
    let name = name(&args.file);
    let here = std::env::current_dir().unwrap_or_else(|_| std::env::temp_dir());
    let mut tape = RecordingTape::new(recording, &name, &here)?;
    let first = begin(&mut tape, args.at.as_deref())?;
    let display = args.options();
    let settings = config::load(&display)?;
    let caps = console::caps(&settings);
    let mut options = console::console_options(&settings, &caps)?;
    options.replay = Some(name);
    let reload = move || console::console_options(&config::load(&display)?, &caps);
    let (moment, speed) = (first.frame.time, args.speed);
    let ending = runtime::start()?.block_on(async {
        let (_present, snapshots) = watch::channel(Arc::clone(&first));
        let past = PastDesk::open(Box::new(tape));
        let past = past.map_err(|source| CliError::Start { what: "reading the recording", source })?;
        // Nothing can be done to the past: the other side of this desk is gone.
        let (desk, _) = Desk::new();
        let mut console =
            Console::new(options, first, desk, move || reload().map_err(|e| e.report())).with_past(past);
        console.start_at(Some(moment), speed);
        let session = local::Options { caps, crash_folder: files::state_dir() };
        let ending = local::run(&mut console, snapshots, session).await;
        ending.map_err(|e| CliError::Failed(e.to_string()))
    })?;
    Ok(ExitCode::from(ending.exit_code()))
}

/// What the operator calls a recording: the name of its file or folder.
fn name(path: &Path) -> Arc<str> {
    let last = path.file_name().unwrap_or(path.as_os_str());
    text::clean(&last.to_string_lossy()).into()
}

/// The state that is shown first: at the moment asked for, else at the first frame.
fn begin(tape: &mut RecordingTape, at: Option<&str>) -> Result<Arc<Snapshot>, CliError> {
    let failed = |why: String| CliError::Failed(why);
    let Some(written) = at else { return tape.show(Timestamp(i64::MIN)).map_err(failed) };
    let mut chronicle = tape.chronicle();
    for _ in 0..PORTIONS {
        let next = tape.chronicle();
        if Arc::ptr_eq(&next, &chronicle) {
            break;
        }
        chronicle = next;
    }
    let newest = chronicle.span.map_or(Timestamp::default(), |(_, last)| last);
    let board = AlarmBoard::default();
    let around =
        Around { now: newest, newest, reach: chronicle.span, chronicle: Some(&chronicle), board: &board };
    let moment = time::parse(written, &around).map_err(|e| CliError::Usage(format!("--at: {e}")))?;
    tape.show(moment.unwrap_or(newest)).map_err(failed)
}

impl ReplayArgs {
    /// The options of display, as the other commands have them.
    fn options(&self) -> Options {
        Options {
            config: self.config.clone(),
            theme: self.theme.clone(),
            color: self.color,
            ascii: self.ascii,
            no_mouse: self.no_mouse,
            no_probe: self.no_probe,
            ..Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Args, Command};
    use clap::Parser;

    fn args(line: &str) -> ReplayArgs {
        let parsed = Args::try_parse_from(line.split_whitespace()).expect("valid");
        let Some(Command::Replay(args)) = parsed.command else { panic!("it is `replay`") };
        *args
    }

    #[test]
    fn what_is_no_recording_is_told_before_the_screen_is_touched() {
        let e = run(&args("hallwatch replay /nowhere/a.mcap")).expect_err("it is not there");
        assert!(e.report().contains("/nowhere/a.mcap"), "{}", e.report());
        let e = run(&args("hallwatch replay Cargo.toml")).expect_err("it is something else");
        assert_eq!(e.report(), "Cargo.toml: not a recording of hallwatch");
    }

    #[test]
    fn the_name_of_a_recording_is_that_of_its_file() {
        assert_eq!(&*name(Path::new("/var/x/leak-b17.mcap")), "leak-b17.mcap");
        assert_eq!(&*name(Path::new("/")), "/");
    }
}
