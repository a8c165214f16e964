//! The console in a session: joins the app of the ui to what a session asks of an app.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::watch;

use crate::engine::Snapshot;
use crate::engine::desk::Desk;
use crate::engine::{Ask, PastDesk, Told};
use crate::model::Timestamp;
use crate::model::alarm::Operation;
use crate::session::{Answer, App, CopyReport, Post, Request};
use crate::ui::alarms::deed::What;
use crate::ui::app::{self, Options};
use crate::ui::key::InputEvent;

/// Reads the settings again; an error is shown and the old ones stay.
pub type Reload = Box<dyn FnMut() -> Result<Options, String>>;

/// Where a console says which hall is on its screen: the way to sources that can ask for it first.
pub type Sight = watch::Sender<Option<Arc<str>>>;

/// The app of one operator.
pub struct Console {
    app: app::App,
    reload: Reload,
    desk: Desk,
    /// The past beyond the ring, where there is one.
    past: Option<PastDesk>,
    /// Where answers are to go; nobody listens before the session has begun.
    post: Option<Post>,
    sight: Option<Sight>,
    redraw: bool,
    pending: Vec<Request>,
}

impl Console {
    /// A console that shows `snapshot` first, and hands operations to `desk`.
    pub fn new(
        options: Options,
        snapshot: Arc<Snapshot>,
        desk: Desk,
        reload: impl FnMut() -> Result<Options, String> + 'static,
    ) -> Self {
        Self {
            app: app::App::new(options, snapshot),
            reload: Box::new(reload),
            desk,
            past: None,
            post: None,
            sight: None,
            redraw: true,
            pending: Vec::new(),
        }
    }

    /// The same console with a past beyond the ring: the flight recorder, or the recording that it
    /// replays.
    #[must_use]
    pub fn with_past(mut self, past: PastDesk) -> Self {
        self.past = Some(past);
        self.app.has_tape();
        self
    }

    /// The same console, which says in `sight` which hall is on the screen.
    #[must_use]
    pub fn with_sight(mut self, sight: Sight) -> Self {
        self.sight = Some(sight);
        self
    }

    /// Tells the sources which hall is on the screen, when that has changed.
    fn tell_sight(&self) {
        let Some(sight) = &self.sight else { return };
        let hall = self.app.hall_in_sight();
        sight.send_if_modified(|told| {
            let is_news = told.as_deref() != hall;
            if is_news {
                *told = hall.map(Arc::from);
            }
            is_news
        });
    }

    /// Goes to a moment as soon as the session runs, and with a speed plays from there; without a
    /// moment from what is shown.
    pub fn start_at(&mut self, moment: Option<Timestamp>, speed: Option<f32>) {
        self.app.start_at(moment, speed);
        self.redraw = true;
    }

    /// Says something to the operator, on the status line.
    pub fn notify(&mut self, text: impl Into<String>) {
        self.app.notify(text);
        self.redraw = true;
    }

    /// Hands an operation to the engine. Its answer comes through the session, so that the loop
    /// never waits for it.
    fn operate(&mut self, operation: Operation) {
        let what = What::of(&operation);
        let answer = self.desk.operate(operation);
        match (answer, self.post.clone()) {
            (Ok(answer), Some(post)) => {
                tokio::spawn(async move {
                    let gone = |_| Err("the engine has stopped, it may or may not be saved".to_owned());
                    post.send(Answer::Operated { what, reply: answer.await.unwrap_or_else(gone) }).await;
                });
            }
            (Ok(_), None) => self.app.operated(Err("there is no session yet".to_owned()), what),
            (Err(why), _) => self.app.operated(Err(why), what),
        }
        self.redraw = true;
    }

    /// Asks the past; its answer comes through the session, too.
    fn ask(&mut self, ask: Ask) {
        let Some(past) = &self.past else {
            return self.app.told(&ask, Told::Failed("there is no recorder here".to_owned()));
        };
        match (past.ask(ask.clone()), self.post.clone()) {
            (Ok(answer), Some(post)) => {
                tokio::spawn(async move {
                    let gone = |_| Told::Failed("the recorder has stopped".to_owned());
                    post.send(Answer::Past { ask, told: answer.await.unwrap_or_else(gone) }).await;
                });
            }
            (Ok(_), None) => self.app.told(&ask, Told::Failed("there is no session yet".to_owned())),
            (Err(why), _) => self.app.told(&ask, Told::Failed(why)),
        }
        self.redraw = true;
    }

    fn serve(&mut self) {
        for request in self.app.take_requests() {
            let request = match request {
                app::Request::Quit => Request::Quit,
                app::Request::Suspend => Request::Suspend,
                app::Request::Copy(text) => Request::Copy(text),
                app::Request::Redraw => Request::Repaint,
                app::Request::Title(title) => Request::Title(title),
                app::Request::Mouse(on) => Request::Mouse(on),
                app::Request::Bell => Request::Bell,
                app::Request::Operate(operation) => {
                    self.operate(operation);
                    continue;
                }
                app::Request::Past(ask) => {
                    self.ask(ask);
                    continue;
                }
                app::Request::Reload => {
                    match (self.reload)() {
                        Ok(options) => {
                            self.app.configure(options);
                            self.notify(
                                "settings read again (sources, topology and alarm rules change at the next start)",
                            );
                        }
                        Err(why) => self.notify(format!("{why} (the old settings stay)")),
                    }
                    continue;
                }
            };
            self.pending.push(request);
        }
    }
}

impl App for Console {
    type Data = Arc<Snapshot>;

    fn event(&mut self, event: InputEvent) {
        self.app.event(&event);
        self.redraw = true;
    }

    fn wake(&mut self, data: Self::Data) {
        self.app.update_snapshot(data);
        self.redraw = true;
    }

    fn copied(&mut self, report: CopyReport) {
        self.notify(match report {
            CopyReport::Sent => "copied to the terminal's clipboard (if it takes it)".to_owned(),
            CopyReport::Tmux => "copied to tmux's buffer".to_owned(),
            CopyReport::TooLong { bytes, limit } => format!("not copied: {bytes} bytes, at most {limit}"),
        });
    }

    fn begin(&mut self, post: Post) {
        self.post = Some(post);
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Operated { what, reply } => self.app.operated(reply, what),
            Answer::Past { ask, told } => self.app.told(&ask, told),
        }
        self.redraw = true;
    }

    fn render(&self, area: Rect, buffer: &mut Buffer) {
        self.app.render(area, buffer);
    }

    fn heartbeat(&mut self) {
        self.app.heartbeat();
    }

    fn wants_clock(&self) -> bool {
        self.app.wants_clock()
    }

    fn clock(&mut self, elapsed_ms: u64) {
        self.app.clock(elapsed_ms);
    }

    fn take_redraw(&mut self) -> bool {
        std::mem::take(&mut self.redraw) | self.app.take_redraw()
    }

    fn requests(&mut self) -> Vec<Request> {
        self.serve();
        self.tell_sight();
        std::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topology;
    use crate::model::chronicle::{Bookmark, Chronicle, Incident};

    fn console(reload: impl FnMut() -> Result<Options, String> + 'static) -> Console {
        let snapshot = Snapshot::empty(Arc::new(Topology::default_site()), Timestamp::from_secs(0));
        let mut c = Console::new(Options::default(), Arc::new(snapshot), Desk::new().0, reload);
        c.event(InputEvent::Resize(80, 24));
        c
    }

    fn press(c: &mut Console, key: &str) -> Vec<Request> {
        c.event(InputEvent::Key(key.parse().expect("a key")));
        c.requests()
    }

    fn screen(c: &Console) -> String {
        let area = Rect::new(0, 0, 80, 24);
        let mut buf = Buffer::empty(area);
        c.render(area, &mut buf);
        buf.content.iter().map(|cell| cell.symbol()).collect()
    }

    #[test]
    fn control_c_quits() {
        let mut c = console(|| Ok(Options::default()));
        assert!(press(&mut c, "C-c").contains(&Request::Quit));
    }

    #[test]
    fn the_hall_on_the_screen_is_told_once() {
        let (sight, mut focus) = watch::channel(None);
        let mut c = console(|| Ok(Options::default())).with_sight(sight);
        press(&mut c, "?");
        assert!(!focus.has_changed().expect("the console is there"), "the site is no hall");
        press(&mut c, "Esc");
        press(&mut c, "Enter");
        assert_eq!(focus.borrow_and_update().as_deref(), Some("H1"));
        press(&mut c, "j");
        assert!(!focus.has_changed().expect("the console is there"), "still the same hall");
        press(&mut c, "F12");
        assert_eq!(focus.borrow_and_update().as_deref(), None);
    }

    #[test]
    fn a_broken_config_is_reported_and_the_console_goes_on() {
        let mut c = console(|| Err("config.toml:3: broken".into()));
        assert!(!press(&mut c, "C-r").contains(&Request::Quit));
        assert!(screen(&c).contains("config.toml:3: broken"), "{}", screen(&c));
    }

    fn with_alarm(desk: Desk) -> Console {
        let alarm = Arc::new(crate::ui::alarms::filter::tests::alarm());
        let board = crate::model::alarm::AlarmBoard { alarms: Arc::new([alarm]), ..Default::default() };
        let empty = Snapshot::empty(Arc::new(Topology::default_site()), Timestamp::from_secs(0));
        let snapshot = Snapshot { alarms: Arc::new(board), ..empty };
        let mut c = Console::new(Options::default(), Arc::new(snapshot), desk, || Ok(Options::default()));
        c.event(InputEvent::Resize(80, 24));
        c
    }

    #[tokio::test]
    async fn an_operation_goes_to_the_engine_and_its_answer_comes_through_the_post() {
        let (desk, mut orders) = Desk::new();
        let mut c = with_alarm(desk);
        let (post, mut answers) = Post::new();
        c.begin(post);
        for key in ["A", "A-a"] {
            press(&mut c, key);
        }
        assert!(screen(&c).contains("saving"), "{}", screen(&c));
        let order = orders.recv().await.expect("it was handed in");
        order.reply.send(Ok(12)).expect("somebody waits");
        let answer = answers.recv().await.expect("it is posted");
        c.answered(answer);
        assert!(screen(&c).contains("acknowledged 1 alarm (saved as 12)"), "{}", screen(&c));
    }

    #[tokio::test]
    async fn an_operation_that_nobody_takes_or_answers_is_not_called_saved() {
        let mut c = with_alarm(Desk::new().0);
        c.begin(Post::new().0);
        for key in ["A", "A-a"] {
            press(&mut c, key);
        }
        assert!(screen(&c).contains("NOT SAVED") && screen(&c).contains("stopped"), "{}", screen(&c));
        let (desk, mut orders) = Desk::new();
        let mut c = with_alarm(desk);
        let (post, mut answers) = Post::new();
        c.begin(post);
        for key in ["A", "A-a"] {
            press(&mut c, key);
        }
        drop(orders.recv().await);
        c.answered(answers.recv().await.expect("it is posted"));
        assert!(screen(&c).contains("NOT SAVED"), "{}", screen(&c));
    }

    /// A tape of one empty site.
    struct Reel(Arc<Chronicle>);

    impl Reel {
        fn new() -> Self {
            let span = Some((Timestamp::from_secs(-3600), Timestamp::from_secs(0)));
            Self(Arc::new(Chronicle { span, frames: 3601, ..Chronicle::default() }))
        }
    }

    impl crate::engine::Tape for Reel {
        fn chronicle(&mut self) -> Arc<Chronicle> {
            Arc::clone(&self.0)
        }
        fn show(&mut self, time: Timestamp) -> Result<Arc<Snapshot>, String> {
            Ok(Arc::new(Snapshot::empty(Arc::new(Topology::default_site()), time)))
        }
        fn step(&mut self, from: Timestamp, steps: i64) -> Result<Arc<Snapshot>, String> {
            self.show(from.plus_millis(1000 * steps))
        }
        fn mark(&mut self, _: Incident) -> Result<(), String> {
            Ok(())
        }
        fn bookmark(&mut self, _: Bookmark) -> Result<(), String> {
            Ok(())
        }
        fn clip(&mut self, _: &Incident, _: bool) -> Result<std::path::PathBuf, String> {
            Err("the disk is full".to_owned())
        }
    }

    #[tokio::test]
    async fn the_past_is_asked_and_its_answer_comes_through_the_post() {
        let desk = PastDesk::open(Box::new(Reel::new())).expect("a thread");
        let mut c = console(|| Ok(Options::default())).with_past(desk);
        let (post, mut answers) = Post::new();
        c.begin(post);
        c.requests();
        c.answered(answers.recv().await.expect("the chronicle"));
        c.requests();
        c.answered(answers.recv().await.expect("nothing new in it"));
        c.start_at(Some(Timestamp::from_secs(-60)), Some(1000.0));
        c.requests();
        assert!(c.wants_clock(), "it plays as soon as there is something to play");
        c.answered(answers.recv().await.expect("the moment"));
        assert!(screen(&c).contains("PAST 1969-12-31 23:59:00, not live"), "{}", screen(&c));
        c.clock(59_000);
        c.requests();
        assert!(!c.wants_clock() && screen(&c).contains(" LIVE "), "{}", screen(&c));
    }

    #[tokio::test]
    async fn a_recorder_that_is_gone_is_said_and_the_console_goes_on() {
        let (desk, work) = PastDesk::new();
        let mut c = console(|| Ok(Options::default())).with_past(desk);
        c.begin(Post::new().0);
        drop(work);
        c.requests();
        assert!(screen(&c).contains("the recorder has stopped"), "{}", screen(&c));
        assert!(press(&mut c, "C-c").contains(&Request::Quit));
    }

    #[test]
    fn anything_that_happens_asks_for_a_new_picture() {
        let mut c = console(|| Ok(Options::default()));
        c.take_redraw();
        assert!(!c.take_redraw());
        c.notify("x");
        assert!(c.take_redraw());
    }
}
