//! The command line: arguments and settings in, one command run, an exit code out. It wires the
//! layers together and decides nothing of its own.

pub mod alarms;
pub mod args;
pub mod check;
pub mod clip;
pub mod config;
pub mod doctor;
pub mod error;
pub mod export;
pub mod exporter;
pub mod files;
pub mod headless;
pub mod memory;
pub mod moment;
pub mod pages;
pub mod progress;
pub mod replay;
pub mod runtime;
pub mod scenario;
pub mod serve;
pub mod snapshot;
pub mod start;
pub mod units;
pub mod validate;
pub mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, ConfigCommand, SimCommand};
pub use error::CliError;

/// Runs the program with the arguments of the process. Exit code: 0 done, 1 failed, 2 usage.
#[must_use]
pub fn main() -> ExitCode {
    memory::share();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(e) => {
            // A closed pipe while printing help is no reason to complain.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    match run(args, &mut std::io::stdout().lock()) {
        Ok(code) => code,
        Err(e) if e.is_closed_pipe() => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "hallwatch: {}", e.report());
            ExitCode::from(e.exit_code())
        }
    }
}

/// Runs one command; what it has to say goes to `out`.
///
/// # Errors
/// Whatever the command failed with.
pub fn run(args: Args, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    match args.command {
        None => return watch::run(config::load(&args.watch.options)?, &args.watch),
        Some(Command::Replay(replay)) => return replay::run(&replay),
        Some(Command::Watch(watch)) => return watch::run(config::load(&watch.options)?, &watch),
        Some(Command::Serve(args)) => headless::serve(config::load(&args.options)?, &args, out),
        Some(Command::Record(args)) => headless::record(config::load(&args.options)?, &args, out),
        Some(Command::Snapshot(snapshot)) => snapshot::run(config::load(&snapshot.options)?, &snapshot, out),
        Some(Command::Sim { command: SimCommand::Serve(serve) }) => serve::run(&serve, out),
        Some(Command::Sim { command: SimCommand::Validate(args) }) => validate::run(&args, out),
        Some(Command::Sim { command: SimCommand::Scenarios(args) }) => scenario::show::run(&args, out),
        Some(Command::Alarms { command }) => {
            return alarms::run(&command, &config::Surroundings::real(), out);
        }
        Some(Command::Clip(args)) => clip::run(&args, out),
        Some(Command::Export(args)) => export::run(&args, out),
        Some(Command::Exporter(args)) => exporter::run(&args, out),
        Some(Command::Check(check)) => check::run(&check, &config::Surroundings::real(), out),
        Some(Command::Doctor(options)) => doctor::run(&options, &config::Surroundings::real(), out),
        Some(Command::Config { command: ConfigCommand::Print(print) }) => {
            config::print(&print, &config::Surroundings::real(), out)
        }
        Some(Command::Completions { shell }) => pages::completions(shell, out),
        Some(Command::Man { dir }) => pages::man(dir.as_deref(), out),
    }
    .map(|()| ExitCode::SUCCESS)
}
