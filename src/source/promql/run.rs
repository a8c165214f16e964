//! The running source: turn by turn it asks what is due, reads the answers, and hands the values over
//! with the times of their samples.

mod early;
mod look;
mod note;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::PromConfig;
use super::answer::Summary;
use super::api::{Api, AskError, Flavor};
use super::board::Board;
use super::clocks::Clocks;
use super::directory::{self, Directory, Table};
use super::plan::{self, Ask, Clock, Convert, Names, Purpose};
use super::request::{Early, Got, KEY, Landed, Request};
use crate::model::batch::{Roster, SeriesReading, SeriesValue};
use crate::model::{Batch, Entry, Timestamp};
use crate::source::{Focus, Outlet, Stopped};

/// Who the GPUs are is asked again after this long, and sooner where unknown ones appear.
const DIRECTORY_EVERY: Duration = Duration::from_secs(300);
/// Never sooner than this.
const DIRECTORY_PAUSE: Duration = Duration::from_secs(30);
/// Longest pause between two turns while an engine does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// A clock that is further off than this is corrected, and told, ms.
const SKEW_MS: i64 = 5_000;

/// What a source of this kind listens to beside its engine.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// How far the reading of the past is, which operators are told beside the rest.
    pub past: Option<watch::Receiver<String>>,
    /// The hall on the screen: its values are asked for as soon as it gets there.
    pub focus: Option<Focus>,
}

/// Asks the engine until the console's own engine stops taking entries. A TLS provider for `rustls`
/// must have been installed in the process.
pub async fn run(config: PromConfig, outlet: Outlet, links: Links) {
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = drive(config, outlet, links).await;
}

async fn drive(config: PromConfig, outlet: Outlet, links: Links) -> Result<(), Stopped> {
    let mut board = Board::default();
    board.rename(&config.name, &[]);
    let api = match Api::new(&config) {
        Ok(api) => Arc::new(api),
        Err(why) => {
            board.turned(Err(why.to_string()), 0);
            let status = board.report(outlet.source, outlet.now(), config.interval_ms());
            return outlet.send(Entry::Source(status)).await;
        }
    };
    let status = board.report(outlet.source, outlet.now(), config.interval_ms());
    outlet.send(Entry::Source(status)).await?;
    let mut runner = Runner::new(config, outlet, api, board);
    runner.links = links;
    let mut due = Instant::now();
    loop {
        let pause = runner.turn().await?;
        // What took longer than an interval is not made up for.
        due = (due + pause).max(Instant::now());
        due = runner.rest(due).await?;
    }
}

/// What a turn has met so far.
#[derive(Default)]
struct Turn {
    answered: usize,
    failed: usize,
    /// The first reason of a failure.
    why: Option<String>,
    /// The engine wants to be left alone.
    wait: Option<Duration>,
    unknown: u32,
    late: u32,
    /// Queries for times that were not answered yet.
    times: usize,
    /// Values that wait for their times.
    held: Vec<(usize, Vec<SeriesValue>)>,
}

struct Runner {
    config: PromConfig,
    outlet: Outlet,
    api: Arc<Api>,
    board: Board,
    /// What is known of the engine; `None` before it was asked.
    flavor: Option<Flavor>,
    skew: i64,
    asks: Vec<Ask>,
    /// In how many parts each of them is asked, where that is more than one.
    parts: HashMap<usize, u32>,
    directory: Box<Directory>,
    directory_due: Instant,
    directory_at: Option<Instant>,
    table: Arc<Table>,
    roster: Arc<Roster>,
    clocks: Clocks,
    turn: u32,
    moment: Timestamp,
    flight: JoinSet<Landed>,
    /// Queries of this turn that were begun before it was known who the GPUs are, and those answers to
    /// them that have come.
    begun: Vec<usize>,
    early: Vec<Landed>,
    /// The query for values whose answer that of the directory is, too.
    beside: Option<(usize, Convert)>,
    /// What the engine remarked in this turn.
    remarks: Vec<String>,
    links: Links,
    /// The matcher of the hall that is looked at between two turns; empty: it is a turn.
    looking: String,
    /// The newest turn was answered, and the engine wants no pause.
    well: bool,
    random: u64,
}

impl Runner {
    fn new(config: PromConfig, outlet: Outlet, api: Arc<Api>, board: Board) -> Self {
        let now = Instant::now();
        Self {
            api,
            board,
            flavor: None,
            skew: 0,
            asks: Vec::new(),
            parts: HashMap::new(),
            directory: Box::default(),
            directory_due: now,
            directory_at: None,
            table: Arc::default(),
            roster: Arc::default(),
            clocks: Clocks::default(),
            turn: 0,
            moment: Timestamp(0),
            flight: JoinSet::new(),
            begun: Vec::new(),
            early: Vec::new(),
            beside: None,
            remarks: Vec::new(),
            links: Links::default(),
            looking: String::new(),
            well: false,
            random: config.seed | 1,
            config,
            outlet,
        }
    }

    /// One turn; the answer is the pause until the next one.
    async fn turn(&mut self) -> Result<Duration, Stopped> {
        let start = Instant::now();
        self.moment = self.outlet.now().plus_millis(self.skew);
        let mut turn = Turn::default();
        self.remarks.clear();
        let learned = self.learn(&mut turn).await;
        // Knowing who is there is no answer yet.
        turn.answered = 0;
        if learned && self.directory.is_empty() && turn.why.is_none() {
            turn.why = Some(self.nobody());
        }
        if learned && !self.table.is_empty() {
            self.ask_all(self.due(), &mut turn).await?;
            self.turn = self.turn.wrapping_add(1).max(1);
        } else {
            self.forget_early().await;
        }
        self.finish(start, turn).await
    }

    /// The queries for values and times of this turn.
    fn due(&self) -> Vec<usize> {
        let is_due = |a: &Ask| !matches!(a.purpose, Purpose::Directory { .. }) && a.is_due(self.turn);
        self.asks.iter().enumerate().filter(|(_, a)| is_due(a)).map(|(i, _)| i).collect()
    }

    /// Finds out which engine it is, what it has, and who the GPUs are, where that is due. False when
    /// the engine did not answer.
    async fn learn(&mut self, turn: &mut Turn) -> bool {
        if Instant::now() < self.directory_due {
            return true;
        }
        let known = match self.introduce().await {
            Ok(names) => names,
            Err(e) => {
                turn.fail(&e);
                return false;
            }
        };
        // An engine may allow more by now: each query is tried whole again.
        self.parts.clear();
        let asks = plan::asks(&self.config, &known);
        if asks != self.asks {
            self.asks = asks;
            let names: Vec<String> = self.asks.iter().map(|a| a.name.clone()).collect();
            self.board.rename(&self.config.name, &names);
            (self.turn, self.clocks) = (0, Clocks::default());
        }
        let who = |(i, a): (usize, &Ask)| matches!(a.purpose, Purpose::Directory { .. }).then_some(i);
        let who: Vec<usize> = self.asks.iter().enumerate().filter_map(who).collect();
        let mut ahead = self.ahead(&who).into_iter();
        for _ in 0..3 {
            self.directory.begin();
            for index in &who {
                if turn.wait.is_some() {
                    break;
                }
                self.start(*index);
                let landed = self.await_directory(&mut ahead).await;
                self.land_directory(landed, turn);
            }
            if !self.directory.is_torn() {
                break;
            }
        }
        let whole = turn.failed == 0;
        if whole || self.table.is_empty() {
            let (table, roster) = self.directory.end();
            self.table = Arc::new(table);
            if let Some(roster) = roster {
                self.roster = roster;
            }
        }
        let now = Instant::now();
        self.directory_at = Some(now);
        self.directory_due = now + if whole { DIRECTORY_EVERY } else { DIRECTORY_PAUSE };
        !self.table.is_empty() || whole
    }

    /// Which engine it is, and which families it has.
    async fn introduce(&mut self) -> Result<Names, AskError> {
        let (flavor, skew) = self.api.probe(self.outlet.now()).await?;
        self.flavor = Some(flavor);
        self.skew = if skew.abs() > SKEW_MS { skew } else { 0 };
        self.moment = self.outlet.now().plus_millis(self.skew);
        self.api.names().await
    }

    fn land_directory(&mut self, landed: Option<Landed>, turn: &mut Turn) {
        let Some(mut landed) = landed else { return };
        if let Some(directory) = landed.directory.take() {
            self.directory = directory;
        }
        self.note_parts(&landed);
        let summary = landed.result.as_ref().map(|(_, s)| s.clone());
        self.tell(landed.ask, landed.duration_ms, summary.map_err(Clone::clone), turn);
        self.keep_beside(landed);
    }

    /// Asks all of `due`, some at once; what needs no times is handed over as it comes.
    async fn ask_all(&mut self, due: Vec<usize>, turn: &mut Turn) -> Result<(), Stopped> {
        let begun = self.take_early().await;
        if begun.is_empty() {
            self.moment = self.outlet.now().plus_millis(self.skew);
        }
        self.clocks.begin(self.moment);
        turn.times = due.iter().filter(|i| matches!(self.asks[**i].purpose, Purpose::Times(_))).count();
        for landed in std::mem::take(&mut self.early) {
            self.land(landed, turn).await?;
        }
        let mut queue = due.into_iter().filter(|i| !begun.contains(i));
        loop {
            while self.flight.len() < self.config.concurrency.max(1) && turn.wait.is_none() {
                let Some(next) = queue.next() else { break };
                self.start(next);
            }
            let Some(landed) = self.flight.join_next().await else { break };
            if let Ok(landed) = landed {
                self.land(landed, turn).await?;
            }
        }
        // What is still held has no times: it is not shown, because it might be old.
        for (_, values) in turn.held.drain(..) {
            turn.late += u32::try_from(values.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    fn start(&mut self, index: usize) {
        let ask = self.asks[index].clone();
        let is_directory = matches!(ask.purpose, Purpose::Directory { .. });
        let by = match () {
            () if is_directory => directory::labels(&self.config.place_labels),
            () if self.table.is_empty() => vec![KEY.to_owned()],
            () => self.table.by.clone(),
        };
        let reach = 2 * self.config.interval * ask.every;
        let flavor = self.flavor.unwrap_or_default();
        let mut more = flavor.always();
        if let Purpose::Values { clock: None, .. } = &ask.purpose {
            more.extend(flavor.look_back(reach));
        }
        let lent = is_directory.then(|| std::mem::take(&mut self.directory));
        let request = Request {
            api: Arc::clone(&self.api),
            table: Arc::clone(&self.table),
            ask,
            by,
            selector: plan::and(&self.config.selector, &self.looking),
            parts: self.parts.get(&index).copied().unwrap_or(1),
            more,
            moment: self.moment,
            beside: self.beside.filter(|_| is_directory).map(|(_, convert)| convert),
        };
        self.flight.spawn(request.send(index, lent));
    }

    async fn land(&mut self, landed: Landed, turn: &mut Turn) -> Result<(), Stopped> {
        self.note_parts(&landed);
        let Landed { ask, duration_ms, result, .. } = landed;
        let (got, summary) = match result {
            Ok((got, summary)) => (got, Ok(summary)),
            Err(e) => (Got::Directory(Early::default()), Err(e)),
        };
        let ok = summary.is_ok();
        self.tell(ask, duration_ms, summary, turn);
        let (values, unknown) = match got {
            Got::Values(values, unknown) => (values, unknown),
            Got::Early(early) => early.resolve(&self.table),
            Got::Directory(_) => return Ok(()),
        };
        if !ok {
            return Ok(());
        }
        turn.unknown += unknown;
        match self.asks[ask].purpose.clone() {
            Purpose::Times(clock) => {
                self.clocks.set(clock, values, self.roster.members.len());
                turn.times = turn.times.saturating_sub(1);
                for (ask, values) in std::mem::take(&mut turn.held) {
                    self.deliver(ask, values, turn).await?;
                }
            }
            _ => self.deliver(ask, values, turn).await?,
        }
        Ok(())
    }

    /// A query that was answered in parts is asked in as many from now on.
    fn note_parts(&mut self, landed: &Landed) {
        if landed.parts > 1 && landed.result.is_ok() && self.looking.is_empty() {
            self.parts.insert(landed.ask, landed.parts);
        }
    }

    /// Hands values over, or holds them until their times have come.
    async fn deliver(
        &mut self,
        index: usize,
        mut values: Vec<SeriesValue>,
        turn: &mut Turn,
    ) -> Result<(), Stopped> {
        let ask = &self.asks[index];
        let Purpose::Values { clock, .. } = &ask.purpose else { return Ok(()) };
        match clock {
            Some(clock) if !self.clocks.has(clock) => {
                turn.held.push((index, values));
                return Ok(());
            }
            Some(clock) => {
                let before = values.len();
                self.clocks.date(clock, &mut values);
                if values.len() < before {
                    turn.late += u32::try_from(before - values.len()).unwrap_or(u32::MAX);
                    self.own_clock(index);
                }
            }
            // Some of the times may be those of its node.
            None if turn.times > 0 => {
                turn.held.push((index, values));
                return Ok(());
            }
            None => self.clocks.date_or_now(&mut values),
        }
        values.iter_mut().for_each(|v| v.time = v.time.plus_millis(-self.skew));
        self.send(index, values).await
    }

    async fn send(&self, index: usize, values: Vec<SeriesValue>) -> Result<(), Stopped> {
        let ask = &self.asks[index];
        let Purpose::Values { metric, .. } = &ask.purpose else { return Ok(()) };
        let interval_ms = self.config.interval_ms().saturating_mul(ask.every);
        let reading =
            SeriesReading { roster: Arc::clone(&self.roster), metric: *metric, interval_ms, values };
        let mut batch = Batch::new(self.outlet.source, self.outlet.now());
        batch.series.push(reading);
        self.outlet.send(Entry::Batch(batch)).await
    }

    /// Some values of a query had no times: from the next turn on it brings its own.
    fn own_clock(&mut self, index: usize) {
        let ask = &mut self.asks[index];
        let (names, Purpose::Values { clock, .. }) = (ask.names.clone(), &mut ask.purpose) else { return };
        if matches!(clock, Some(Clock::Own(_))) || names.is_empty() {
            return;
        }
        let own = Clock::Own(names.clone());
        *clock = Some(own.clone());
        // Behind all others, so that their positions stay, and in step with its values.
        let (every, phase) = (ask.every, ask.phase);
        self.asks.push(Ask { every, phase, ..plan::of_clock(own, names) });
        let names: Vec<String> = self.asks.iter().map(|a| a.name.clone()).collect();
        self.board.rename(&self.config.name, &names);
    }

    /// Writes down how a query went.
    fn tell(&mut self, ask: usize, duration_ms: u32, outcome: Result<Summary, AskError>, turn: &mut Turn) {
        match outcome {
            // The list tells how the turns are, which ask for the whole site.
            Ok(_) if !self.looking.is_empty() => turn.answered += 1,
            Err(e) if !self.looking.is_empty() => turn.fail(&e),
            Ok(summary) => {
                turn.answered += 1;
                self.board.answered(ask, self.outlet.now(), duration_ms, &summary);
                let partial = summary.partial.then(|| "parts of the answer are missing".to_owned());
                for words in partial.into_iter().chain(summary.warnings) {
                    if !self.remarks.contains(&words) {
                        self.remarks.push(words);
                    }
                }
            }
            Err(e) => {
                let advice = if e.is_too_much() {
                    ", in parts, too; ask for less with `selector`, or allow more in the engine"
                } else {
                    ""
                };
                self.board.failed(ask, duration_ms, format!("{e}{advice}"));
                turn.fail(&e);
            }
        }
    }

    async fn finish(&mut self, start: Instant, turn: Turn) -> Result<Duration, Stopped> {
        let took = start.elapsed();
        let outcome = match &turn.why {
            Some(why) if turn.answered == 0 || self.directory.is_empty() => Err(why.clone()),
            _ => Ok((self.outlet.now(), self.directory.len())),
        };
        let failed = outcome.is_err();
        self.well = !failed && turn.wait.is_none();
        self.board.turned(outcome, u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        let mut status = self.board.report(self.outlet.source, self.outlet.now(), self.config.interval_ms());
        status.note = self.note(&turn, took);
        self.outlet.send(Entry::Source(status)).await?;
        if turn.unknown > 0
            && let Some(at) = self.directory_at
        {
            self.directory_due = self.directory_due.min(at + DIRECTORY_PAUSE);
        }
        if let Some(wait) = turn.wait {
            // What an engine asks for is no more than it needs.
            return Ok(took + self.not_before(wait).max(self.config.interval));
        }
        if failed {
            self.directory_due = self.directory_due.min(Instant::now());
            let doubled = self.config.interval * (1 << (self.board.failures().saturating_sub(1)).min(6));
            return Ok(took + self.jittered(doubled.min(LONGEST_PAUSE.max(self.config.interval))));
        }
        Ok(self.config.interval)
    }

    /// What an engine asks for, and up to a half more, never less.
    fn not_before(&mut self, wait: Duration) -> Duration {
        self.jittered(wait) + wait / 4
    }

    /// Up to a quarter shorter or longer, so that consoles do not come back all at once.
    fn jittered(&mut self, wait: Duration) -> Duration {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let thousandths = 750 + self.random % 501;
        wait.mul_f64(thousandths as f64 / 1000.0)
    }
}

impl Turn {
    fn fail(&mut self, e: &AskError) {
        self.failed += 1;
        self.why.get_or_insert_with(|| e.to_string());
        self.wait = self.wait.max(e.wait());
    }
}
