//! The running source: polls, posts, keeps silences, and reports how the members are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::client::{Failure, Member};
use super::mirror::{Mirror, Step};
use super::post::{CHUNK, Ledger};
use super::read::Answer;
use super::{AlertmanagerConfig, View};
use crate::model::Entry;
use crate::model::alarm::AlarmBoard;
use crate::model::entry::{SourceStatus, TargetState, TargetStatus};
use crate::source::{Outlet, Stopped};

/// Time between two looks at our alarms.
const LOOK: Duration = Duration::from_secs(1);
/// Time after which what arrived nowhere is sent again.
const RETRY: Duration = Duration::from_secs(5);
/// Longest token, bytes.
const MAX_TOKEN: u64 = 16 << 10;

/// Runs until the engine stops taking entries. `look` shows the alarms and the site as they are now.
/// A TLS provider for `rustls` must have been installed in the process.
pub async fn run<F: Fn() -> View + Send>(config: AlertmanagerConfig, outlet: Outlet, look: F) {
    // The only error is that the engine has stopped: then there is nothing left to do.
    let _: Result<(), Stopped> = drive(config, outlet, look).await;
}

async fn drive<F: Fn() -> View + Send>(
    config: AlertmanagerConfig,
    outlet: Outlet,
    look: F,
) -> Result<(), Stopped> {
    let members = match Member::all(&config) {
        Ok(members) => members,
        Err(why) => {
            let note = Some(format!("cannot set up HTTP: {why}"));
            let status = SourceStatus { source: outlet.source, time: outlet.now(), note, ..named(&config) };
            return outlet.send(Entry::Source(status)).await;
        }
    };
    let mut runner = Runner::new(config, outlet, members);
    runner.report().await?;
    let mut ticks = interval(LOOK.min(runner.config.interval));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        if now >= runner.poll_due {
            runner.poll_due = now + runner.config.interval;
            runner.poll(&look()).await?;
            runner.changed = true;
        }
        if runner.config.posts() && now >= runner.post_due {
            runner.post(&look()).await;
        }
        if runner.config.mirrors() && now >= runner.mirror_due {
            runner.mirror(&look()).await;
        }
        if runner.changed {
            runner.report().await?;
        }
    }
}

fn named(config: &AlertmanagerConfig) -> SourceStatus {
    SourceStatus {
        name: "alertmanager".to_owned(),
        interval_ms: u32::try_from(config.interval.as_millis()).unwrap_or(u32::MAX),
        target_count: u32::try_from(config.urls.len()).unwrap_or(u32::MAX),
        ..SourceStatus::default()
    }
}

struct Runner {
    config: AlertmanagerConfig,
    outlet: Outlet,
    members: Vec<Member>,
    targets: Vec<TargetStatus>,
    answer: Answer,
    ledger: Ledger,
    mirror: Mirror,
    poll_due: Instant,
    post_due: Instant,
    /// The board that was last looked at for posts, and when.
    looked: Option<(Arc<AlarmBoard>, Instant)>,
    mirror_due: Instant,
    /// Something is to be reported.
    changed: bool,
    /// Alerts that were left out of the last list.
    beyond: usize,
    /// What was last refused, in words; one for posts, one for silences.
    refused: [Option<String>; 2],
}

impl Runner {
    fn new(config: AlertmanagerConfig, outlet: Outlet, members: Vec<Member>) -> Self {
        let now = Instant::now();
        let fresh = |m: &Member| TargetStatus { name: m.name.clone(), ..TargetStatus::default() };
        Self {
            targets: members.iter().map(fresh).collect(),
            answer: Answer::default(),
            ledger: Ledger::new(config.repeat),
            mirror: Mirror::new(config.posts()),
            poll_due: now,
            post_due: now,
            looked: None,
            mirror_due: now,
            changed: true,
            beyond: 0,
            refused: [None, None],
            config,
            outlet,
            members,
        }
    }

    /// Asks all members at once and takes the first one that answers. Where none does nothing is
    /// sent: what stood goes on standing.
    async fn poll(&mut self, view: &View) -> Result<(), Stopped> {
        let token = self.token().await;
        let mut asked = JoinSet::new();
        for (i, member) in self.members.iter().cloned().enumerate() {
            let token = token.clone();
            asked.spawn(async move { (i, ask(&member, token.as_deref()).await) });
        }
        let mut answers: Vec<Option<Pages>> = self.members.iter().map(|_| None).collect();
        while let Some(done) = asked.join_next().await {
            let Ok((i, (answer, ms))) = done else { continue };
            self.targets[i].duration_ms = ms;
            match answer {
                Ok(pages) => answers[i] = Some(pages),
                Err(why) => self.down(i, &why),
            }
        }
        let mut taken = false;
        for (i, pages) in answers.into_iter().enumerate() {
            let Some((alerts, silences)) = pages else { continue };
            let bytes = alerts.len() + silences.len();
            // Only one is read; that the others answer is enough.
            let answer = if taken { Ok(None) } else { Answer::parse(&alerts, &silences).map(Some) };
            match answer {
                Ok(answer) => {
                    self.up(i, bytes, answer.as_ref().map_or(0, |a| a.alerts.len()));
                    if let Some(answer) = answer {
                        self.answer = answer;
                        taken = true;
                    }
                }
                Err(why) => self.down(i, &Failure::Silent(why)),
            }
        }
        if !taken {
            return Ok(());
        }
        if self.config.mirrors() {
            self.mirror.look(view, &self.answer.alerts, &self.answer.silences);
        }
        if !self.config.read {
            return Ok(());
        }
        let (alarms, beyond) = self.answer.alarms(&self.config, self.outlet.now());
        self.beyond = beyond;
        self.outlet.send(Entry::External(alarms)).await
    }

    fn up(&mut self, i: usize, bytes: usize, alerts: usize) {
        let target = &mut self.targets[i];
        target.state = TargetState::Up;
        target.last_ok = Some(self.outlet.now());
        target.bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        target.samples = u32::try_from(alerts).unwrap_or(u32::MAX);
        target.failures = 0;
    }

    fn down(&mut self, i: usize, why: &Failure) {
        let target = &mut self.targets[i];
        target.state = TargetState::Down(why.to_string());
        self.changed = true;
        target.samples = 0;
        target.failures = target.failures.saturating_add(1);
    }

    /// Posts what is to be posted to all members: they do not share alerts among them.
    async fn post(&mut self, view: &View) {
        let same = |(board, at): &(Arc<AlarmBoard>, Instant)| {
            Arc::ptr_eq(board, &view.board) && at.elapsed() < RETRY
        };
        if self.looked.as_ref().is_some_and(same) {
            return;
        }
        self.looked = Some((Arc::clone(&view.board), Instant::now()));
        let now = self.outlet.now();
        let mail = self.ledger.plan(view, now);
        if mail.alerts.is_empty() {
            return;
        }
        let token = self.token().await;
        let mut sent = JoinSet::new();
        for (i, member) in self.members.iter().cloned().enumerate() {
            let (token, alerts) = (token.clone(), mail.alerts.clone());
            sent.spawn(async move {
                for chunk in alerts.chunks(CHUNK) {
                    match member.post_alerts(chunk, token.as_deref()).await {
                        Ok(()) => {}
                        // The rest of the chunk was taken: sending it again would not help.
                        Err(e @ Failure::Refused(400, _)) => return (i, true, Some(e)),
                        Err(e) => return (i, false, Some(e)),
                    }
                }
                (i, true, None)
            });
        }
        let (mut arrived, mut refused) = (false, None);
        while let Some(done) = sent.join_next().await {
            let Ok((i, here, failure)) = done else { continue };
            arrived |= here;
            match failure {
                Some(e @ Failure::Refused(..)) => {
                    refused = Some(format!("post to {}: {e}", self.targets[i].name));
                }
                Some(e) => self.down(i, &e),
                None => {}
            }
        }
        self.ledger.settle(mail, arrived, self.outlet.now());
        self.refuse(0, refused);
        if !arrived {
            self.post_due = Instant::now() + RETRY;
        }
    }

    /// Makes, prolongs and ends silences at the first member that takes them: they share these.
    async fn mirror(&mut self, view: &View) {
        if !view.speaks() {
            self.mirror.forget();
            return;
        }
        let steps = self.mirror.plan(view, &self.answer.alerts, self.outlet.now());
        if steps.is_empty() {
            return;
        }
        let token = self.token().await;
        let mut refused = None;
        for step in steps {
            if let Err(why) = self.step(view, &step, token.as_deref()).await {
                refused = Some(format!("silence: {why}"));
                self.mirror_due = Instant::now() + RETRY;
                break;
            }
        }
        self.refuse(1, refused);
    }

    async fn step(&mut self, view: &View, step: &Step, token: Option<&str>) -> Result<(), Failure> {
        let mut last = Failure::Silent("no member".to_owned());
        for member in &self.members {
            let done = match step {
                Step::Put(_, silence) => member.post_silence(silence, token).await,
                Step::End(_, id) => member.end_silence(id, token).await.map(|()| String::new()),
            };
            match (done, step) {
                (Ok(id), Step::Put(alarm, silence)) => {
                    self.mirror.put(view, (*alarm, id), silence);
                    return Ok(());
                }
                (Ok(_), Step::End(alarm, _)) => {
                    self.mirror.end(*alarm);
                    return Ok(());
                }
                (Err(why), _) => last = why,
            }
        }
        Err(last)
    }

    fn refuse(&mut self, which: usize, words: Option<String>) {
        self.changed |= self.refused[which] != words;
        self.refused[which] = words;
    }

    async fn report(&mut self) -> Result<(), Stopped> {
        self.changed = false;
        let targets = self.targets.iter().cloned().enumerate();
        let status = SourceStatus {
            source: self.outlet.source,
            time: self.outlet.now(),
            note: Some(self.note()),
            targets: targets.map(|(i, t)| (i as u32, t)).collect(),
            ..named(&self.config)
        };
        self.outlet.send(Entry::Source(status)).await
    }

    /// What is wrong first, then what is done.
    fn note(&self) -> String {
        let mut parts: Vec<String> = self.refused.iter().flatten().cloned().collect();
        if self.beyond > 0 {
            parts.push(format!("{} alerts beyond {} are not shown", self.beyond, super::read::MAX_ALERTS));
        }
        if self.ledger.beyond > 0 {
            let most = super::post::MAX_POSTED;
            parts.push(format!("{} alarms beyond {most} are not posted", self.ledger.beyond));
        }
        if self.config.read {
            parts.push("reads".to_owned());
        }
        if self.config.posts() {
            parts.push(format!("{} posted", self.ledger.standing()));
        }
        if self.config.mirrors() {
            parts.push(format!("{} silences", self.mirror.standing()));
        }
        if self.config.rehearsal && (self.config.post || self.config.mirror) {
            parts.push("the site is simulated: nothing is posted, nothing silenced".to_owned());
        }
        parts.join("; ")
    }

    async fn token(&self) -> Option<String> {
        let path = self.config.token_file.clone()?;
        // A missing token is told by the other side: HTTP 401.
        tokio::task::spawn_blocking(move || token(&path)).await.ok().flatten()
    }
}

/// The answers to `alerts` and `silences`.
type Pages = (Vec<u8>, Vec<u8>);

/// What one member answers, and how long it took, ms.
async fn ask(member: &Member, token: Option<&str>) -> (Result<Pages, Failure>, u32) {
    let start = Instant::now();
    let both = async {
        let alerts = member.get("alerts?filter=source!%3D%22hallwatch%22", token).await?;
        Ok((alerts, member.get("silences", token).await?))
    };
    let answer = both.await;
    (answer, u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX))
}

/// The bearer token of a file, in one line.
fn token(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut words = String::new();
    std::fs::File::open(path).ok()?.take(MAX_TOKEN).read_to_string(&mut words).ok()?;
    let word = words.trim();
    (!word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic())).then(|| word.to_owned())
}
