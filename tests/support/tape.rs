//! A tape in memory: half an hour before the ring of the test site and the ring itself, with a gap, a
//! leak that comes and goes, an incident and a bookmark. What is marked is kept.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::PathBuf;
use std::sync::Arc;

use hallwatch::fleet::Snapshot;
use hallwatch::fleet::ask::Ask;
use hallwatch::fleet::past::Tape;
use hallwatch::model::Timestamp;
use hallwatch::model::alarm::{AlarmBoard, AlarmCounts, AlarmId};
use hallwatch::model::chronicle::{Bookmark, Chronicle, Gap, Happening, HappeningKind, Incident};
use hallwatch::ui::app::{App, Request};

use crate::{board, site};

/// Seconds from the start of the ring at which the tape begins and ends.
pub const REACH: (i64, i64) = (-1800, site::TICKS - 1);
/// Where frames are missing.
pub const GAP: (i64, i64) = (-900, -840);

/// See the module.
pub struct Reel {
    base: Arc<Snapshot>,
    pub chronicle: Arc<Chronicle>,
    /// What it was asked for, in order.
    pub shown: Vec<Timestamp>,
    /// Alarms that stood then.
    pub alarms: usize,
    /// It fails with these words.
    pub broken: Option<String>,
}

fn event(second: i64, kind: HappeningKind, (priority, alarm): (u8, u64), text: &str) -> Happening {
    Happening { time: site::at(second), kind, priority, alarm: AlarmId(alarm), text: text.into() }
}

fn chronicle() -> Chronicle {
    use HappeningKind::{Cleared, Operator, Raised, Source};
    let events = [
        event(-700, Raised, (1, 18842), "rack-leak H1-R02-K2: rope WET"),
        event(-690, Raised, (2, 18843), "rack-flow-low H1-R02-K2: 31 LPM < 41"),
        event(-640, Operator, (1, 18842), "acknowledged rack-leak H1-R02-K2"),
        event(-300, Cleared, (2, 18843), "rack-flow-low H1-R02-K2"),
        event(-200, Source, (0, 0), "scrape: target down"),
        event(60, Raised, (3, 18850), "gpu-lost H2-R02-K3-T05-G1: XID 79"),
    ];
    let bookmark = Bookmark { time: site::at(-650), operator: "kari".into(), text: "camera 3".into() };
    let incident = Incident {
        title: "leak in row 2".into(),
        from: site::at(-1300),
        to: site::at(-250),
        operator: "ingrid".into(),
        marked: site::at(-100),
    };
    Chronicle {
        name: "leak-h1.kvr".into(),
        bytes: 1_200_000,
        span: Some((site::at(REACH.0), site::at(REACH.1))),
        frames: (REACH.1 - REACH.0 + 1 - (GAP.1 - GAP.0 - 1)) as u64,
        gaps: [Gap { from: site::at(GAP.0), to: site::at(GAP.1), dropped: 0 }].into(),
        events: events.into(),
        bookmarks: [bookmark].into(),
        incidents: [incident].into(),
    }
}

impl Reel {
    pub fn new() -> Self {
        let chronicle = Arc::new(chronicle());
        Self { base: site::snapshot(), chronicle, shown: Vec::new(), alarms: 2, broken: None }
    }

    /// The same of a site of another shape.
    pub fn of(base: Arc<Snapshot>) -> Self {
        Self { base, ..Self::new() }
    }

    fn change(&mut self, f: impl FnOnce(&mut Chronicle)) {
        let mut c = (*self.chronicle).clone();
        f(&mut c);
        self.chronicle = Arc::new(c);
    }

    /// The second of the frame at or before a moment.
    fn second(time: Timestamp) -> i64 {
        let second = time.since(site::at(0)).div_euclid(1000).clamp(REACH.0, REACH.1);
        if (GAP.0 + 1..GAP.1).contains(&second) { GAP.0 } else { second }
    }

    /// The state at a second: the values of the first tick, the first alarms of the board.
    pub fn state(&self, second: i64) -> Snapshot {
        let time = site::at(second);
        let topology = &self.base.frame.topology;
        let from_ring = self.base.history.frame_at(time, topology);
        let mut frame = (*from_ring.unwrap_or_else(|| Arc::clone(&self.base.frame))).clone();
        frame.time = time;
        let all = board::board(topology, time);
        let alarms: Vec<_> = all.alarms.iter().take(self.alarms).cloned().collect();
        let counts = AlarmCounts::of(alarms.iter().map(|a| &**a));
        let alarms = Arc::new(AlarmBoard { counts, alarms: alarms.into(), ..all });
        Snapshot { frame: Arc::new(frame), alarms, ..(*self.base).clone() }
    }
}

impl Tape for Reel {
    fn chronicle(&mut self) -> Arc<Chronicle> {
        Arc::clone(&self.chronicle)
    }

    fn show(&mut self, time: Timestamp) -> Result<Arc<Snapshot>, String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        self.shown.push(time);
        Ok(Arc::new(self.state(Self::second(time))))
    }

    fn step(&mut self, from: Timestamp, steps: i64) -> Result<Arc<Snapshot>, String> {
        let to = Self::second(from) + steps;
        let hole = (GAP.0 + 1..GAP.1).contains(&to);
        let to = if hole && steps > 0 { GAP.1 } else { to };
        self.show(site::at(to))
    }

    fn mark(&mut self, incident: Incident) -> Result<(), String> {
        self.change(|c| c.incidents = std::iter::once(incident).chain(c.incidents.iter().cloned()).collect());
        Ok(())
    }

    fn bookmark(&mut self, bookmark: Bookmark) -> Result<(), String> {
        self.change(|c| c.bookmarks = c.bookmarks.iter().cloned().chain([bookmark]).collect());
        Ok(())
    }

    fn clip(&mut self, incident: &Incident, anonymous: bool) -> Result<PathBuf, String> {
        let name = if anonymous { "anonymous" } else { "named" };
        Ok(format!("/tmp/{} {name}.kvr", incident.title).into())
    }
}

/// What the app asks the past, taken out of its requests.
pub fn asks(app: &mut App) -> Vec<Ask> {
    let past = |r| match r {
        Request::Past(ask) => Some(ask),
        _ => None,
    };
    app.take_requests().into_iter().filter_map(past).collect()
}

/// Answers all that the app asks, until it asks nothing more.
pub fn serve(app: &mut App, reel: &mut Reel) {
    loop {
        let asks = asks(app);
        if asks.is_empty() {
            return;
        }
        for ask in asks {
            let told = ask.put(reel);
            app.told(&ask, told);
        }
    }
}
