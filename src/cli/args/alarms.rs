//! Arguments of `alarms`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Subcommand};

use crate::cli::args::export::BacktestArgs;
use crate::cli::args::state::StateOptions;
use crate::cli::units;
use crate::model::alarm::{AlarmId, AlarmState};
use crate::model::{document, text};

/// Commands around the alarms.
#[derive(Subcommand, Clone, Debug)]
pub enum AlarmsCommand {
    /// List the alarms that stand
    Ls(LsArgs),
    /// Tell one alarm at length
    Show(ShowArgs),
    /// Acknowledge alarms
    Ack(AckArgs),
    /// Put alarms aside for a while
    Shelve(ShelveArgs),
    /// End the shelves of alarms
    Unshelve(AckArgs),
    /// Reset latched alarms
    Reset(AckArgs),
    /// Take alarms out of service
    Oos(ReasonArgs),
    /// Give alarms back to service
    Service(AckArgs),
    /// Say something about alarms
    Comment(CommentArgs),
    /// What happened and what operators did, oldest first
    History(HistoryArgs),
    /// The alarm rules in effect, or one of them at length
    Rules(RulesArgs),
    /// Try rules on a recording: what they would have raised, and what they would not
    Backtest(BacktestArgs),
    /// Figures of the alarm system by ISA-18.2, over the last 24 hours
    Kpi(VerifyArgs),
    /// Check the journal for changed and missing rows; exit code 1 when one is found
    Verify(VerifyArgs),
}

/// Options that all of them have.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Common {
    /// Write JSON for programs
    #[arg(long)]
    pub json: bool,
    /// Config file to read instead of the one of the user
    #[arg(long, value_name = "FILE", env = "HALLWATCH_CONFIG", hide_env_values = true)]
    #[arg(help_heading = "Files")]
    pub config: Option<PathBuf>,
    /// Journal and operator.
    #[command(flatten)]
    pub state: StateOptions,
}

/// What names an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Its number.
    Id(AlarmId),
    /// Its rule and place.
    Name(String, String),
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Id(AlarmId(id)));
        }
        match text.split_once('@') {
            Some((rule, place)) if !rule.is_empty() && !place.is_empty() => {
                Ok(Self::Name(rule.to_owned(), place.to_owned()))
            }
            _ => Err(String::from("expected a number, or RULE@PLACE like row-cooling-lost@H3-R17")),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Name(rule, place) => write!(f, "{}@{}", text::clean(rule), text::clean(place)),
        }
    }
}

/// Options of `alarms ls`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct LsArgs {
    /// Only in this state, such as unacknowledged or shelved; may be repeated
    #[arg(long = "in-state", value_name = "STATE", value_parser = state)]
    pub states: Vec<AlarmState>,
    /// Only of this priority, 1 critical to 4 low; may be repeated
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub priority: Vec<u8>,
    /// Only at this place or below it: H3, H3-R17, H3-R17-K5
    #[arg(long = "in", visible_alias = "hall", value_name = "ASSET")]
    pub place: Option<String>,
    /// Only what waits for an acknowledgement
    #[arg(long)]
    pub unacked: bool,
    /// Answer in one line as a plugin of Nagios: exit code 0 ok, 1 warning, 2 critical, 3 unknown
    #[arg(long, conflicts_with = "json")]
    pub check: bool,
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// Options of `alarms show`.
#[derive(clap::Args, Clone, Debug)]
pub struct ShowArgs {
    /// Number of the alarm, or RULE@PLACE
    #[arg(value_name = "ALARM")]
    pub alarm: Target,
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// Options of operations that need no reason.
#[derive(clap::Args, Clone, Debug)]
pub struct AckArgs {
    /// Numbers of the alarms, or RULE@PLACE
    #[arg(value_name = "ALARM", required = true)]
    pub alarms: Vec<Target>,
    /// Something to say with it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub comment: String,
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// Options of `alarms oos`.
#[derive(clap::Args, Clone, Debug)]
pub struct ReasonArgs {
    /// Numbers of the alarms, or RULE@PLACE
    #[arg(value_name = "ALARM", required = true)]
    pub alarms: Vec<Target>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// Options of `alarms shelve`.
#[derive(clap::Args, Clone, Debug)]
pub struct ShelveArgs {
    /// How long: at most 12h
    #[arg(long = "for", value_name = "TIME", value_parser = units::duration)]
    pub time: Duration,
    /// The shelf ends when the condition is gone, too
    #[arg(long, action = ArgAction::SetTrue)]
    pub one_shot: bool,
    /// Alarms and reason.
    #[command(flatten)]
    pub on: ReasonArgs,
}

/// Options of `alarms comment`.
#[derive(clap::Args, Clone, Debug)]
pub struct CommentArgs {
    /// Numbers of the alarms, or RULE@PLACE
    #[arg(value_name = "ALARM", required = true)]
    pub alarms: Vec<Target>,
    /// What is to be said
    #[arg(value_name = "TEXT", required = true)]
    pub text: String,
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// Options of `alarms history`.
#[derive(clap::Args, Clone, Debug)]
pub struct HistoryArgs {
    /// Only of this alarm: its number, or RULE@PLACE
    #[arg(value_name = "ALARM")]
    pub alarm: Option<Target>,
    /// Only of the last so long: 2h
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub since: Option<Duration>,
    /// At most so many, the newest; 0 for all
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// Options of `alarms rules`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct RulesArgs {
    /// The rule to tell at length
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Run some seconds of the simulated site, and mark rules whose values it does not have
    #[arg(long)]
    pub sim: bool,
    /// Alarm rules of the site over the built-in ones (TOML); may be repeated
    #[arg(long, value_name = "FILE", env = "HALLWATCH_ALARM_RULES", hide_env_values = true)]
    #[arg(help_heading = "Alarms")]
    pub alarm_rules: Vec<PathBuf>,
    /// Write JSON for programs
    #[arg(long)]
    pub json: bool,
    /// Config file to read instead of the one of the user
    #[arg(long, value_name = "FILE", env = "HALLWATCH_CONFIG", hide_env_values = true)]
    #[arg(help_heading = "Files")]
    pub config: Option<PathBuf>,
}

/// Options of `alarms verify` and `alarms kpi`.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct VerifyArgs {
    /// Journal and output.
    #[command(flatten)]
    pub common: Common,
}

/// The word for a state on the command line: `returned-unacknowledged`.
#[must_use]
pub const fn state_word(state: AlarmState) -> &'static str {
    match state {
        AlarmState::Normal => "normal",
        AlarmState::Unacknowledged => "unacknowledged",
        AlarmState::Acknowledged => "acknowledged",
        AlarmState::ReturnedUnacknowledged => "returned-unacknowledged",
        AlarmState::LatchedUnacknowledged => "latched-unacknowledged",
        AlarmState::LatchedAcknowledged => "latched-acknowledged",
        AlarmState::Shelved => "shelved",
        AlarmState::Suppressed => "suppressed",
        AlarmState::OutOfService => "out-of-service",
    }
}

fn state(text: &str) -> Result<AlarmState, String> {
    let same = |s: &&AlarmState| {
        state_word(**s).eq_ignore_ascii_case(&text.replace('_', "-")) || s.short().eq_ignore_ascii_case(text)
    };
    AlarmState::ALL
        .iter()
        .find(same)
        .copied()
        .ok_or_else(|| document::hint(text, &AlarmState::ALL.map(state_word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Args, Command};
    use clap::Parser;

    fn parse(line: &[&str]) -> Result<AlarmsCommand, String> {
        let words = ["hallwatch", "alarms"].iter().chain(line).copied();
        match Args::try_parse_from(words).map_err(|e| e.to_string())?.command {
            Some(Command::Alarms { command }) => Ok(command),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_alarm_is_named_by_number_or_by_rule_and_place() {
        for text in ["18842", "018842"] {
            assert_eq!(text.parse(), Ok(Target::Id(AlarmId(18842))));
        }
        let name = "row-cooling-lost@H3-R17".parse::<Target>().expect("a name");
        assert_eq!(
            (name.to_string().as_str(), name),
            ("row-cooling-lost@H3-R17", Target::Name("row-cooling-lost".into(), "H3-R17".into()))
        );
        for wrong in ["", "x", "@H3", "x@", "-1"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn states_have_their_words_and_the_short_ones_of_the_screen() {
        for s in AlarmState::ALL {
            assert_eq!((state(state_word(s)), state(s.short())), (Ok(s), Ok(s)));
        }
        assert_eq!(state("shelvd"), Err("did you mean `shelved`?".into()));
    }

    #[test]
    fn a_comment_is_the_last_word_behind_any_number_of_alarms() {
        let Ok(AlarmsCommand::Comment(c)) = parse(&["comment", "1", "a@b", "on its way"]) else {
            panic!("it is a comment")
        };
        assert_eq!((c.alarms.len(), c.text.as_str()), (2, "on its way"));
        assert!(parse(&["comment", "1"]).is_err(), "nothing is said");
    }

    #[test]
    fn what_is_missing_or_wrong_is_told() {
        for (line, phrase) in [
            (&["ack"][..], "<ALARM>"),
            (&["ack", "x"], "RULE@PLACE"),
            (&["shelve", "1", "--for", "2h"], "--reason"),
            (&["shelve", "1", "--reason", "x"], "--for"),
            (&["oos", "1"], "--reason"),
            (&["ls", "--in-state", "shelvd"], "did you mean `shelved`?"),
            (&["ls", "--priority", "5"], "1..=4"),
            (&["ls", "--check", "--json"], "cannot be used with"),
            (&["lst"], "ls"),
        ] {
            let e = parse(line).expect_err("wrong");
            assert!(e.contains(phrase), "{line:?}: {e}");
        }
    }
}
