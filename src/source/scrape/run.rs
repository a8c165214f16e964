//! The running source: starts requests as the plan says, reads the answers, hands them over in
//! groups, and reports how the targets are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::board::{Board, Outcome};
use super::discovery::Found;
use super::fetch::{Body, FetchError, Fetcher};
use super::page::{Memo, Page};
use super::schedule::{self, Pace, Schedule};
use super::targets::{self, Target, TargetError, TargetList};
use super::watch::Watch;
use super::wire::Stream;
use super::{ScrapeConfig, exposition, placing};
use crate::model::{Batch, Entry, Timestamp};
use crate::source::{Outlet, Stopped};

/// Answers are grouped over this time into one batch.
const GROUP: Duration = Duration::from_millis(100);
/// Connections are kept between polls that are at most this far apart.
const KEEP: Duration = Duration::from_secs(60);
/// Lists that may wait to be taken in.
const LISTS: usize = 4;
/// Requests are started at multiples of this time, ms.
const STEP_MS: u64 = 10;
/// Most hosts in one batch.
const GROUP_MAX: usize = 1024;
/// Reports are at least this far apart.
const REPORT: Duration = Duration::from_secs(1);
/// Samples with a time of their own may be this much older than an interval, three times over.
const OLDEST_MS: i64 = 60_000;

/// Scrapes until the engine stops taking entries. A TLS provider for `rustls` must have been
/// installed in the process.
pub async fn run(config: ScrapeConfig, outlet: Outlet) {
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = drive(config, outlet).await;
}

async fn drive(config: ScrapeConfig, outlet: Outlet) -> Result<(), Stopped> {
    let watch = Watch::new(&config.specs);
    let (tx, found) = mpsc::channel(LISTS);
    for (index, remote) in config.remotes.iter().enumerate() {
        tokio::spawn(remote.clone().follow(index, config.http.clone(), tx.clone()));
    }
    drop(tx);
    let fetcher = Fetcher::new(config.limits, &config.http);
    let mut runner = Runner::new(config, outlet, (fetcher, watch, found));
    runner.deliver().await?;
    loop {
        runner.start_due();
        let wake = runner.wake();
        tokio::select! {
            Some(done) = runner.flight.join_next_with_id(), if !runner.flight.is_empty() => runner.land(done),
            Some(found) = runner.found.recv() => runner.take_list(found).await,
            () = sleep_until(wake) => {}
        }
        while let Some(done) = runner.flight.try_join_next_with_id() {
            runner.land(done);
        }
        runner.reload().await;
        runner.deliver().await?;
    }
}

type Answer = Result<(Body, Option<Stream>), FetchError>;

struct Runner {
    config: ScrapeConfig,
    outlet: Outlet,
    fetcher: Fetcher,
    start: Instant,
    schedule: Schedule,
    memos: Vec<Memo>,
    board: Board,
    flight: JoinSet<Answer>,
    /// Connections that may be used again, by target.
    kept: Vec<Option<Stream>>,
    /// How many there are, and may be.
    open: (usize, usize),
    /// Which target each request is for, and when it began.
    tickets: HashMap<Id, (usize, Instant)>,
    pending: Option<Batch>,
    group_due: Instant,
    report_due: Instant,
    watch: Watch,
    watch_due: Instant,
    list_error: Option<String>,
    found: mpsc::Receiver<Found>,
    /// What the lists over HTTP held last, and what is wrong with each.
    lists: Vec<Arc<Vec<Target>>>,
    list_errors: Vec<Option<String>>,
    /// What the engine was last told of the list; `None` before the first report.
    told_error: Option<Option<String>>,
}

impl Runner {
    fn new(
        config: ScrapeConfig,
        outlet: Outlet,
        (fetcher, watch, found): (Fetcher, Watch, mpsc::Receiver<Found>),
    ) -> Self {
        let now = Instant::now();
        let mut runner = Self {
            schedule: Schedule::new(config.list.targets.len(), pace(&config), 0),
            memos: config.list.targets.iter().map(|t| Memo::new(&t.name, &t.labels)).collect(),
            board: Board::new(&config.list.targets, Board::default()),
            flight: JoinSet::new(),
            kept: std::iter::repeat_with(|| None).take(config.list.targets.len()).collect(),
            open: (0, most_kept(config.interval)),
            tickets: HashMap::new(),
            pending: None,
            group_due: now,
            report_due: now,
            watch,
            watch_due: now + config.interval,
            list_error: None,
            told_error: None,
            start: now,
            found,
            lists: vec![Arc::default(); config.remotes.len()],
            list_errors: config
                .remotes
                .iter()
                .map(|r| Some(format!("{} was not read yet", r.name())))
                .collect(),
            config,
            outlet,
            fetcher,
        };
        runner.place_all();
        runner
    }

    /// Finds the hall of every target.
    fn place_all(&mut self) {
        for index in 0..self.memos.len() {
            self.place(index);
        }
    }

    fn place(&mut self, index: usize) {
        let Some(placing) = &self.config.placing else { return };
        if let Some(hall) = placing.hall(self.memos[index].facts()) {
            self.board.set_hall(index, hall);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn start_due(&mut self) {
        let now = self.now_ms();
        while let Some(index) = self.schedule.next(now) {
            let url = self.config.list.targets[index].url.clone();
            let fetcher = self.fetcher.clone();
            let kept = self.kept[index].take();
            self.open.0 -= usize::from(kept.is_some());
            let handle = self.flight.spawn(async move { fetcher.get(&url, kept).await });
            self.tickets.insert(handle.id(), (index, Instant::now()));
        }
    }

    /// When there is something to do even if no request ends.
    fn wake(&self) -> Instant {
        // A few requests at once: each wake of its own would cost as much as a request.
        let request = self.schedule.wake(self.now_ms()).map(|ms| ms.next_multiple_of(STEP_MS));
        let request = request.map(|ms| self.start + Duration::from_millis(ms));
        let group = self.pending.as_ref().map(|_| self.group_due);
        let report = self.board.has_news().then_some(self.report_due);
        let watch = (!self.watch.is_empty()).then_some(self.watch_due);
        let idle = Instant::now() + Duration::from_secs(60);
        [request, group, report, watch].into_iter().flatten().min().unwrap_or(idle)
    }

    fn land(&mut self, done: Result<(Id, Answer), JoinError>) {
        let (id, answer) = match done {
            Ok((id, answer)) => (id, answer),
            Err(e) => (e.id(), Err(FetchError::Other("internal error".to_owned()))),
        };
        // A request of a list that has been replaced has no ticket.
        let Some((index, began)) = self.tickets.remove(&id) else { return };
        let answer = answer.map(|(body, stream)| {
            self.keep(index, stream);
            body
        });
        let time = self.outlet.now();
        let bytes = answer.as_ref().map_or(0, |b| b.bytes().len());
        let page = answer.map_err(|e| e.to_string()).and_then(|body| self.read(index, &body, time));
        let duration_ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
        let told = page.as_ref().map_err(Clone::clone);
        self.board.record(index, &Outcome { time, duration_ms, bytes, page: told });
        self.schedule.finished(index, self.now_ms(), page.is_ok());
        let Ok(page) = page else { return };
        let source = self.outlet.source;
        if self.pending.is_none() {
            self.group_due = Instant::now() + GROUP;
        }
        self.pending.get_or_insert_with(|| Batch::new(source, time)).hosts.push(page.host);
    }

    /// Keeps the connection of target `index` where that is allowed.
    fn keep(&mut self, index: usize, stream: Option<Stream>) {
        if let Some(stream) = stream.filter(|_| self.open.0 < self.open.1) {
            self.open.0 += 1;
            self.kept[index] = Some(stream);
        }
    }

    fn read(&mut self, index: usize, body: &Body, time: Timestamp) -> Result<Page, String> {
        let bytes = body.bytes();
        if bytes.is_empty() {
            return Err("empty answer".to_owned());
        }
        // Without its end a page may lack GPUs, and these would look lost.
        if !exposition::is_whole(bytes) {
            return Err(FetchError::Cut.to_string());
        }
        let oldest = OLDEST_MS.max(3 * i64::from(self.config.interval_ms()));
        let known = Arc::clone(self.memos[index].facts());
        let page = self.memos[index].read_within(bytes, time.plus_millis(-oldest), self.config.guards);
        let page = page.map_err(|e| e.to_string())?;
        if !Arc::ptr_eq(&known, self.memos[index].facts()) {
            self.place(index);
        }
        let tally = page.tally;
        if tally.samples == 0 && tally.bad > 0 && tally.bad * 2 >= tally.lines {
            return Err("not exposition text".to_owned());
        }
        if tally.samples > 0 && tally.samples == page.old {
            return Err(format!("all values are older than {} s", oldest / 1000));
        }
        Ok(page)
    }

    async fn deliver(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        let is_due = |b: &Batch| now >= self.group_due || b.hosts.len() >= GROUP_MAX;
        if let Some(batch) = self.pending.take_if(|b| is_due(b)) {
            self.outlet.send(Entry::Batch(batch)).await?;
        }
        // The list's state is told at first, and when it changes, even when no target changed.
        let is_due = self.board.has_news() && now >= self.report_due;
        if is_due || self.told_error.as_ref() != Some(&self.list_note()) {
            self.told_error = Some(self.list_note());
            let mut status =
                self.board.report(self.outlet.source, self.outlet.now(), self.config.interval_ms());
            status.note = self.note();
            self.outlet.send(Entry::Source(status)).await?;
            // What did not fit follows soon: a large site must not be told later than it is asked.
            self.report_due = now + if self.board.has_news() { GROUP } else { REPORT };
        }
        Ok(())
    }

    fn note(&self) -> Option<String> {
        let repeated = self.config.list.repeated;
        let repeating = self.board.repeating();
        let shard = self.config.selection.shard;
        let all = self.config.list.targets.len() + self.config.list.elsewhere;
        let placed = self.config.placing.is_some();
        let unplaced = self.board.unplaced().filter(|_| placed).map(|(count, first)| {
            let facts = self.memos[first].facts();
            placing::unplaced(count, facts.label("hostname").unwrap_or(&facts.host))
        });
        let parts = [
            self.list_note(),
            unplaced,
            shard.map(|s| format!("shard {s}: {} of {all} targets", self.config.list.targets.len())),
            (repeated > 0).then(|| format!("{repeated} targets are listed twice; the first one counts")),
            (repeating > 0).then(|| format!("{repeating} targets repeat series; the first one counts")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// What is wrong with the target lists.
    fn list_note(&self) -> Option<String> {
        let wrong = self.list_error.iter().chain(self.list_errors.iter().flatten());
        let wrong: Vec<&str> = wrong.map(String::as_str).collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// Takes in a list that came over HTTP, or that did not.
    async fn take_list(&mut self, found: Found) {
        match found.targets {
            Ok(targets) => {
                self.list_errors[found.index] = None;
                if *self.lists[found.index] != targets {
                    self.lists[found.index] = Arc::new(targets);
                    self.gather(false).await;
                }
            }
            Err(why) => {
                let kept = self.lists[found.index].len();
                self.list_errors[found.index] =
                    Some(format!("the last good list of {kept} targets stays in use: {why}"));
            }
        }
    }

    /// Looks at the target lists once an interval. A broken one is reported, and the last good
    /// one stays in use.
    async fn reload(&mut self) {
        if self.watch.is_empty() || Instant::now() < self.watch_due {
            return;
        }
        self.watch_due = Instant::now() + self.config.interval;
        self.gather(true).await;
    }

    /// Puts the lists together again; with `only_changed`, if a file is not what it was.
    async fn gather(&mut self, only_changed: bool) {
        let (mut watch, specs) = (self.watch.clone(), self.config.specs.clone());
        let (lists, selection) = (self.lists.clone(), self.config.selection);
        let look = move || {
            let changed = watch.has_changed() || !only_changed;
            let list = changed.then(|| targets::gather(&specs, &lists, selection));
            (watch, list)
        };
        let Ok((watch, list)) = tokio::task::spawn_blocking(look).await else { return };
        self.watch = watch;
        if let Some(list) = list {
            self.replace(list);
        }
    }

    fn replace(&mut self, list: Result<TargetList, TargetError>) {
        match list {
            Ok(list) => {
                self.list_error = None;
                if list != self.config.list {
                    self.adopt(list);
                }
            }
            Err(e) => {
                let kept = self.config.list.targets.len();
                // What matters most comes first: a long reason is cut.
                self.list_error = Some(format!("the last good list of {kept} targets stays in use: {e}"));
            }
        }
    }

    fn adopt(&mut self, list: TargetList) {
        self.flight.abort_all();
        self.tickets.clear();
        let old = std::mem::replace(&mut self.config.list, list);
        let memos = std::mem::take(&mut self.memos);
        let mut known: HashMap<_, _> =
            old.targets.into_iter().map(|t| (t.name, t.labels)).zip(memos).collect();
        let targets = &self.config.list.targets;
        let memo = |t: &targets::Target| {
            let same = (t.name.clone(), t.labels.clone());
            known.remove(&same).unwrap_or_else(|| Memo::new(&t.name, &t.labels))
        };
        self.memos = targets.iter().map(memo).collect();
        self.board = Board::new(targets, std::mem::take(&mut self.board));
        self.kept = std::iter::repeat_with(|| None).take(targets.len()).collect();
        self.open.0 = 0;
        self.schedule = Schedule::new(targets.len(), pace(&self.config), self.now_ms());
        self.place_all();
    }
}

/// How many connections may be kept between two polls that are `interval` apart: three quarters of
/// the files that may be open, and none where the other side would have closed them anyway.
fn most_kept(interval: Duration) -> usize {
    if interval > KEEP {
        return 0;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.map_or(usize::MAX, |n| usize::try_from(n / 4 * 3).unwrap_or(usize::MAX))
}

fn pace(config: &ScrapeConfig) -> Pace {
    let interval_ms = u64::from(config.interval_ms());
    let slots = schedule::slots(config.list.targets.len(), config.concurrency);
    Pace { interval_ms, slots, seed: config.seed }
}
