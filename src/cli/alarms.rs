//! `alarms`: what stands, what operators do about it, and what happened, read from the journal and
//! written into it beside a running console or without one.

pub mod backtest;
pub mod check;
pub mod find;
pub mod history;
pub mod json;
pub mod kpi;
pub mod ls;
pub mod operate;
pub mod rules;
pub mod show;
pub mod verify;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::CliError;
use crate::cli::args::Options;
use crate::cli::args::alarms::{AlarmsCommand, Common};
use crate::cli::config::{self, OperatorSettings, Surroundings};
use crate::journal::{Holder, Journal, JournalError};
use crate::model::Timestamp;
use crate::model::alarm::Verb;

use operate::Order;

/// What all commands work with.
pub struct Scene<'a> {
    /// Who operates, and where the journal is.
    pub settings: OperatorSettings,
    /// The moment of the command.
    pub now: Timestamp,
    /// JSON is wanted.
    pub json: bool,
    /// Where the answer goes.
    pub out: &'a mut dyn Write,
}

impl From<JournalError> for CliError {
    fn from(e: JournalError) -> Self {
        Self::Failed(e.to_string())
    }
}

impl<'a> Scene<'a> {
    fn new(common: &Common, around: &Surroundings, out: &'a mut dyn Write) -> Result<Self, CliError> {
        let options =
            Options { config: common.config.clone(), state: common.state.clone(), ..Options::default() };
        let settings = config::load_operator(&options, around)?;
        Ok(Self { settings, now: now(), json: common.json, out })
    }

    /// The journal, to be read.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn journal(&self) -> Result<Journal, CliError> {
        Ok(Journal::open_read_only(&self.settings.found_journal())?)
    }

    /// Writes a JSON value for programs.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn print(&mut self, value: &serde_json::Value) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(value).expect("JSON values always serialize");
        Ok(writeln!(self.out, "{text}")?)
    }
}

/// The wall clock.
fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// The name of the console that leads now, if one does.
///
/// # Errors
/// The journal cannot be read.
pub fn leader(journal: &Journal, now: Timestamp) -> Result<Option<String>, CliError> {
    let me = Holder::here("alarms");
    let lease = journal.lease()?.filter(|l| l.holds(&me, now));
    Ok(lease.map(|l| crate::model::text::clean(&l.name)))
}

/// Runs one of the commands. Exit code: 0 done, 1 not found, failed or not sound; of `ls --check`
/// those of a plugin of Nagios.
///
/// # Errors
/// The settings are wrong, the journal cannot be read or written, or there is no such alarm.
pub fn run(
    command: &AlarmsCommand,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<ExitCode, CliError> {
    use AlarmsCommand as C;
    let order = |verb, comment: &str| Order { verb, comment: comment.to_owned() };
    let done = match command {
        C::Ls(args) if args.check => return check::run(args, around, out),
        C::Ls(args) => ls::run(args, Scene::new(&args.common, around, out)?),
        C::Show(args) => show::run(args, Scene::new(&args.common, around, out)?),
        C::History(args) => history::run(args, Scene::new(&args.common, around, out)?),
        C::Rules(args) => rules::run(args, around, out),
        C::Backtest(args) => backtest::run(args, around, out),
        C::Kpi(args) => kpi::run(Scene::new(&args.common, around, out)?),
        C::Verify(args) => verify::run(Scene::new(&args.common, around, out)?),
        C::Ack(a) => {
            operate::run(&a.alarms, order(Verb::Acknowledge, &a.comment), Scene::new(&a.common, around, out)?)
        }
        C::Unshelve(a) => {
            operate::run(&a.alarms, order(Verb::Unshelve, &a.comment), Scene::new(&a.common, around, out)?)
        }
        C::Reset(a) => {
            operate::run(&a.alarms, order(Verb::Reset, &a.comment), Scene::new(&a.common, around, out)?)
        }
        C::Service(a) => operate::run(
            &a.alarms,
            order(Verb::ReturnToService, &a.comment),
            Scene::new(&a.common, around, out)?,
        ),
        C::Oos(a) => operate::run(
            &a.alarms,
            order(Verb::RemoveFromService, &a.reason),
            Scene::new(&a.common, around, out)?,
        ),
        C::Comment(a) => {
            operate::run(&a.alarms, order(Verb::Comment, &a.text), Scene::new(&a.common, around, out)?)
        }
        C::Shelve(a) => {
            let scene = Scene::new(&a.on.common, around, out)?;
            let ms = i64::try_from(a.time.as_millis()).unwrap_or(i64::MAX);
            let verb = Verb::Shelve { until: scene.now.plus_millis(ms), one_shot: a.one_shot };
            operate::run(&a.on.alarms, order(verb, &a.on.reason), scene)
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}
