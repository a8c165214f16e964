//! The loop of a session, over any transport: it takes in whatever is there, then draws once. It
//! waits for nothing but events, so that input never waits for data nor for a slow terminal.

mod wire;

use std::time::Duration;

use ratatui::layout::{Rect, Size};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};

pub use self::wire::{Wire, WireEnd, Written};
use crate::model::text;
use crate::session::caps::{Between, Caps};
use crate::session::decode::Decoder;
use crate::session::pacer::{Next, Pacer};
use crate::session::screen::{FENCE, Screen};
use crate::session::{Answer, App, CopyReport, Ending, Post, Request, clipboard};
use crate::ui::key::InputEvent;

/// So many reads wait for the session before the reader waits.
pub const INPUT_QUEUE: usize = 64;
/// So many notices wait before the sender waits.
pub const NOTICE_QUEUE: usize = 16;
/// How long no event keeps the loop asleep.
const FAR: Duration = Duration::from_secs(3600);
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often an app is told the time while something plays.
const CLOCK: Duration = Duration::from_millis(100);

/// News from the transport that are not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The terminal has this size now.
    Resize(Size),
    /// The process was asked to stop for a while.
    Suspend,
    /// The process goes on after a stop; others may have written to the terminal.
    Continued,
    /// The session must end.
    End(Ending),
}

/// Why the loop returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The session is over.
    End(Ending),
    /// The terminal is to be given back for a while; `by_key`: the user of this session asked.
    Suspend {
        /// By the app, not by a signal.
        by_key: bool,
    },
    /// The process went on after a stop that nobody announced.
    Continued,
}

/// The ends of the transport that the loop listens to.
#[derive(Debug)]
pub struct Ports<T> {
    /// What the terminal sent, as it was read; closed when the terminal is gone.
    pub input: mpsc::Receiver<Vec<u8>>,
    /// Other news.
    pub notices: mpsc::Receiver<Notice>,
    /// The newest data.
    pub data: watch::Receiver<T>,
    /// Where frames go.
    pub wire: Wire,
}

/// What woke the loop.
enum Happened<T> {
    Notice(Option<Notice>),
    Input(Option<Vec<u8>>),
    Written(Option<Written>),
    Data(Option<T>),
    Copied(Option<Copied>),
    Answered(Answer),
    Beat,
    Time,
}

/// What became of a copy, and what the terminal is to be sent after all.
type Copied = (CopyReport, Option<Vec<u8>>);

/// Things to send beside frames; the newest of each kind.
#[derive(Debug, Default)]
struct Aside {
    title: Option<String>,
    mouse: Option<bool>,
    copy: Option<Vec<u8>>,
    bell: bool,
}

/// One session: an app and what is known of its terminal.
#[derive(Debug)]
pub struct Session<'a, A> {
    app: &'a mut A,
    screen: Screen,
    decoder: Decoder,
    pacer: Pacer,
    started: Instant,
    /// When the unfinished input is given up.
    flush_at: Option<Instant>,
    heart: Interval,
    /// When an app in which something plays was last told the time.
    clock: Option<Instant>,
    /// The user did something since the app was last attended to.
    hurried: bool,
    /// Data may still come.
    fed: bool,
    stop: Option<Stop>,
    aside: Aside,
    /// The memory of the last frame, to be used again.
    spare: Vec<u8>,
    copied: (mpsc::Sender<Copied>, mpsc::Receiver<Copied>),
    answers: mpsc::Receiver<Answer>,
}

impl<'a, A: App> Session<'a, A> {
    /// A session of `app` on a terminal of `size`. Must be called within a tokio runtime.
    pub fn new(app: &'a mut A, size: Size, caps: Caps) -> Self {
        let mut heart = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heart.set_missed_tick_behavior(MissedTickBehavior::Delay);
        app.event(InputEvent::Resize(size.width, size.height));
        let (post, answers) = Post::new();
        app.begin(post);
        Self {
            app,
            screen: Screen::new(size, caps),
            decoder: Decoder::new(),
            pacer: Pacer::new(caps.fence),
            started: Instant::now(),
            flush_at: None,
            heart,
            clock: None,
            hurried: false,
            fed: true,
            stop: None,
            aside: Aside::default(),
            spare: Vec::new(),
            copied: mpsc::channel(4),
            answers,
        }
    }

    /// Runs until something must be done that only the owner of the transport can do; may be
    /// called again after it.
    pub async fn drive(&mut self, ports: &mut Ports<A::Data>) -> Stop {
        loop {
            self.attend();
            if let Some(stop) = self.stop.take() {
                return stop;
            }
            let wait = self.draw(&mut ports.wire);
            let happened = self.next(ports, wait).await;
            self.absorb(happened);
            self.drain(ports);
        }
    }

    /// Lets what is under way arrive before the terminal is left: the frame being written, and the
    /// answer of the terminal, which would otherwise reach the shell as typing. Input is dropped.
    /// Returns false if the terminal takes nothing.
    pub async fn settle(&mut self, ports: &mut Ports<A::Data>) -> bool {
        let end = Instant::now() + self.pacer.settle_time();
        while self.pacer.is_writing() || self.pacer.awaits_answer() {
            let happened = tokio::select! {
                bytes = ports.input.recv() => Happened::Input(bytes),
                written = ports.wire.written() => Happened::Written(written),
                () = tokio::time::sleep_until(end) => break,
            };
            match happened {
                Happened::Input(Some(bytes)) => {
                    let mut events = Vec::new();
                    self.decoder.feed(&bytes, &mut events);
                    let answers = events.iter().filter(|event| **event == InputEvent::DeviceStatusOk).count();
                    (0..answers).for_each(|_| self.pacer.answered(self.started.elapsed()));
                }
                Happened::Input(None) => break,
                other => self.absorb(other),
            }
        }
        !self.pacer.is_writing()
    }

    /// The terminal was left and taken again; it has `size` now and shows something unknown.
    pub fn resumed(&mut self, size: Size) {
        self.decoder = Decoder::new();
        self.flush_at = None;
        self.stop = None;
        // What plays goes on where it was: the time away from the terminal does not count.
        self.clock = None;
        self.pacer.forget();
        self.resize(size);
    }

    async fn next(&mut self, ports: &mut Ports<A::Data>, wait: Option<Duration>) -> Happened<A::Data> {
        let now = Instant::now();
        let drawing = wait.map(|until| self.started + until);
        let clock = self.clock.map(|last| last + CLOCK);
        let alarm = drawing.into_iter().chain(self.flush_at).chain(clock).min().unwrap_or(now + FAR);
        tokio::select! {
            notice = ports.notices.recv() => Happened::Notice(notice),
            bytes = ports.input.recv() => Happened::Input(bytes),
            written = ports.wire.written() => Happened::Written(written),
            changed = ports.data.changed(), if self.fed => {
                Happened::Data(changed.is_ok().then(|| ports.data.borrow_and_update().clone()))
            }
            report = self.copied.1.recv() => Happened::Copied(report),
            Some(answer) = self.answers.recv() => Happened::Answered(answer),
            _ = self.heart.tick() => Happened::Beat,
            () = tokio::time::sleep_until(alarm) => Happened::Time,
        }
    }

    /// Takes in all that is there already, so that one frame shows it all.
    fn drain(&mut self, ports: &mut Ports<A::Data>) {
        while let Ok(notice) = ports.notices.try_recv() {
            self.absorb(Happened::Notice(Some(notice)));
        }
        for _ in 0..INPUT_QUEUE {
            match ports.input.try_recv() {
                Ok(bytes) => self.absorb(Happened::Input(Some(bytes))),
                Err(_) => break,
            }
        }
        while let Some(written) = ports.wire.try_written() {
            self.absorb(Happened::Written(Some(written)));
        }
        if self.fed && ports.data.has_changed().unwrap_or(false) {
            let data = ports.data.borrow_and_update().clone();
            self.absorb(Happened::Data(Some(data)));
        }
    }

    fn absorb(&mut self, happened: Happened<A::Data>) {
        match happened {
            Happened::Notice(Some(notice)) => self.notice(notice),
            Happened::Input(Some(bytes)) => self.bytes(&bytes),
            Happened::Written(Some(Ok(spare))) => {
                self.spare = spare;
                self.pacer.written();
            }
            Happened::Notice(None) | Happened::Input(None) | Happened::Written(_) => {
                self.pacer.written();
                self.stop_for(Stop::End(Ending::Gone));
            }
            Happened::Data(Some(data)) => self.app.wake(data),
            Happened::Data(None) => self.fed = false,
            Happened::Copied(copied) => {
                if let Some((report, sequence)) = copied {
                    self.aside.copy = sequence.or(self.aside.copy.take());
                    self.app.copied(report);
                }
            }
            Happened::Answered(answer) => self.app.answered(answer),
            Happened::Beat => self.app.heartbeat(),
            Happened::Time => {
                self.flush();
                self.tick();
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Resize(size) => self.resize(size),
            Notice::Suspend => self.stop_for(Stop::Suspend { by_key: false }),
            Notice::Continued => self.stop_for(Stop::Continued),
            Notice::End(ending) => self.stop_for(Stop::End(ending)),
        }
    }

    /// The end comes before everything; otherwise the first reason counts.
    fn stop_for(&mut self, stop: Stop) {
        match (self.stop, stop) {
            (Some(Stop::End(_)), _) | (Some(_), Stop::Suspend { .. } | Stop::Continued) => {}
            _ => self.stop = Some(stop),
        }
    }

    /// Paints anew even where the size is the one known: a terminal that was another size in between
    /// (tmux sends such, and several signals may arrive as one) has lost what was on it.
    fn resize(&mut self, size: Size) {
        self.screen.resize(size);
        let size = self.screen.size();
        self.app.event(InputEvent::Resize(size.width, size.height));
        self.pacer.mark();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut events = Vec::new();
        self.decoder.feed(bytes, &mut events);
        self.flush_at = self.decoder.patience().map(|patience| Instant::now() + patience);
        self.events(events);
    }

    fn flush(&mut self) {
        if self.flush_at.is_some_and(|at| at <= Instant::now()) {
            let mut events = Vec::new();
            self.decoder.flush(&mut events);
            self.flush_at = None;
            self.events(events);
        }
    }

    /// Tells an app in which something plays how much time went by.
    fn tick(&mut self) {
        let now = Instant::now();
        let due = self.clock.map(|last| now - last).filter(|elapsed| *elapsed >= CLOCK);
        if let Some(elapsed) = due {
            self.clock = Some(now);
            self.app.clock(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        }
    }

    fn events(&mut self, events: Vec<InputEvent>) {
        for event in events {
            match event {
                InputEvent::DeviceStatusOk => self.pacer.answered(self.started.elapsed()),
                event => {
                    self.hurried = true;
                    self.app.event(event);
                }
            }
        }
    }

    /// Does what the app wants.
    fn attend(&mut self) {
        for request in self.app.requests() {
            match request {
                Request::Quit => self.stop_for(Stop::End(Ending::Quit)),
                Request::Suspend => self.stop_for(Stop::Suspend { by_key: true }),
                Request::Copy(text) => self.copy(text),
                Request::Bell => self.aside.bell = true,
                Request::Title(title) if self.screen.caps().title => {
                    self.aside.title = Some(text::clean(&title))
                }
                Request::Title(_) => {}
                Request::Mouse(on) => self.aside.mouse = Some(on),
                Request::Repaint => {
                    self.screen.force_repaint();
                    self.pacer.mark();
                }
            }
        }
        self.clock = self.app.wants_clock().then(|| self.clock.unwrap_or_else(Instant::now));
        let hurried = std::mem::take(&mut self.hurried);
        match (self.app.take_redraw(), hurried) {
            (false, _) => {}
            (true, true) => self.pacer.urge(),
            (true, false) => self.pacer.mark(),
        }
    }

    fn copy(&mut self, text: String) {
        let (bytes, limit) = (text.len(), clipboard::MAX_BYTES);
        if bytes > limit {
            self.app.copied(CopyReport::TooLong { bytes, limit });
        } else if self.screen.caps().between == Between::Tmux {
            let reports = self.copied.0.clone();
            tokio::task::spawn_blocking(move || {
                let report = match clipboard::tmux(&text) {
                    Ok(()) => (CopyReport::Tmux, None),
                    Err(_) => (CopyReport::Sent, Some(clipboard::osc52(&text))),
                };
                // A full queue means that nobody waits for the report of this copy any more.
                let _ = reports.try_send(report);
            });
        } else {
            self.aside.copy = Some(clipboard::osc52(&text));
            self.app.copied(CopyReport::Sent);
        }
    }

    /// Draws and sends if it is time; otherwise says when to ask again.
    fn draw(&mut self, wire: &mut Wire) -> Option<Duration> {
        let now = self.started.elapsed();
        let next = self.pacer.next(now);
        if self.pacer.is_writing() {
            return None;
        }
        let mut out = std::mem::take(&mut self.spare);
        out.clear();
        self.aside.write(&mut out);
        if next == Next::Draw {
            let (area, app) =
                (Rect::from((ratatui::layout::Position::ORIGIN, self.screen.size())), &*self.app);
            self.screen.frame(&mut out, |buffer| app.render(area, buffer));
        }
        let fenced = !out.is_empty() && self.pacer.wants_fence();
        if fenced {
            out.extend_from_slice(FENCE);
        }
        if next == Next::Draw {
            self.pacer.drawn(now, out.len(), fenced);
        } else if !out.is_empty() {
            self.pacer.sent(now, out.len(), fenced);
        }
        match (out.is_empty(), next) {
            (true, _) => self.spare = out,
            (false, _) if wire.send(out) => {}
            _ => self.stop_for(Stop::End(Ending::Gone)),
        }
        if let Next::At(at) = next { Some(at) } else { None }
    }
}

impl Aside {
    /// Appends what is to be sent and forgets it.
    fn write(&mut self, out: &mut Vec<u8>) {
        if let Some(title) = self.title.take() {
            out.extend_from_slice(format!("\x1b]2;{title}\x07").as_bytes());
        }
        if let Some(on) = self.mouse.take() {
            out.extend_from_slice(crate::session::terminal::mouse(on));
        }
        if let Some(copy) = self.copy.take() {
            out.extend_from_slice(&copy);
        }
        if std::mem::take(&mut self.bell) {
            out.push(0x07);
        }
    }
}

#[cfg(test)]
mod tests;
