//! The loop over a transport of channels, on a paused clock: nothing here takes any time.

use std::io;

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use super::*;
use crate::session::pacer::FIRST_PATIENCE;

/// An app that shows what happened to it.
#[derive(Default)]
struct Probe {
    shown: String,
    dirty: bool,
    requests: Vec<Request>,
    renders: std::cell::Cell<u32>,
    reports: Vec<CopyReport>,
    post: Option<Post>,
    /// Something plays.
    plays: bool,
    /// The milliseconds that it was told of.
    played: Vec<u64>,
}

impl App for Probe {
    type Data = u32;

    fn event(&mut self, event: InputEvent) {
        self.dirty = true;
        match event {
            InputEvent::Key(key) if key.to_string() == "q" => self.requests.push(Request::Quit),
            InputEvent::Key(key) if key.to_string() == "C-z" => self.requests.push(Request::Suspend),
            InputEvent::Key(key) => self.shown += &key.to_string(),
            InputEvent::Resize(width, height) => self.shown += &format!("{width}x{height} "),
            other => self.shown += &format!("{other:?} "),
        }
    }

    fn wake(&mut self, data: u32) {
        self.shown += &format!("[{data}]");
        self.dirty = true;
    }

    fn heartbeat(&mut self) {
        self.shown += "♥";
        self.dirty = true;
    }

    fn wants_clock(&self) -> bool {
        self.plays
    }

    fn clock(&mut self, elapsed_ms: u64) {
        self.played.push(elapsed_ms);
        self.plays = self.played.len() < 3;
    }

    fn copied(&mut self, report: CopyReport) {
        self.reports.push(report);
    }

    fn begin(&mut self, post: Post) {
        self.post = Some(post);
    }

    fn answered(&mut self, answer: Answer) {
        if let Answer::Operated { reply, .. } = answer {
            self.shown += &format!("{reply:?}");
        }
        self.dirty = true;
    }

    fn render(&self, area: Rect, buffer: &mut Buffer) {
        self.renders.set(self.renders.get() + 1);
        buffer.set_stringn(0, 0, &self.shown, usize::from(area.width), Style::new());
    }

    fn take_redraw(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }
}

/// The other side of the transport.
struct Bench {
    typed: mpsc::Sender<Vec<u8>>,
    notify: mpsc::Sender<Notice>,
    publish: watch::Sender<u32>,
    end: WireEnd,
}

impl Bench {
    fn new() -> (Self, Ports<u32>) {
        let (typed, input) = mpsc::channel(INPUT_QUEUE);
        let (notify, notices) = mpsc::channel(NOTICE_QUEUE);
        let (publish, data) = watch::channel(0);
        let (wire, end) = Wire::new();
        (Self { typed, notify, publish, end }, Ports { input, notices, data, wire })
    }

    /// Takes the next frame and says that it was written.
    async fn frame(&mut self) -> String {
        let frame = self.end.frames.recv().await.unwrap();
        let text = String::from_utf8(frame.clone()).unwrap();
        self.end.written.send(Ok(frame)).await.unwrap();
        text
    }

    async fn type_in(&self, text: &str) {
        self.typed.send(text.as_bytes().to_vec()).await.unwrap();
    }
}

const QUIET: Caps = Caps { fence: false, sync: false, ..Caps::RICH };

/// Runs a session of `probe` beside `user` and returns how the loop stopped.
async fn with(probe: &mut Probe, caps: Caps, user: impl AsyncFnOnce(&mut Bench)) -> Stop {
    let (mut bench, mut ports) = Bench::new();
    let mut session = Session::new(probe, Size::new(60, 5), caps);
    // The ports die with the session, so that the user's side ends too.
    let drive = async move { session.drive(&mut ports).await };
    let (stop, ()) = tokio::join!(drive, user(&mut bench));
    stop
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_comes_before_anything_else() {
    let mut probe = Probe::default();
    let stop = with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.type_in("x").await;
        assert!(bench.frame().await.ends_with("60x5"), "drawn before the key was taken in");
        assert!(bench.frame().await.contains('x'));
        bench.type_in("q").await;
    })
    .await;
    assert_eq!(stop, Stop::End(Ending::Quit));
}

#[tokio::test(start_paused = true)]
async fn all_that_is_there_is_taken_in_before_one_frame_is_drawn() {
    let mut probe = Probe::default();
    with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        for n in 0..40u32 {
            bench.type_in("a").await;
            bench.publish.send(n).unwrap();
        }
        assert!(bench.frame().await.contains("aaaa"));
        bench.type_in("q").await;
    })
    .await;
    assert_eq!(probe.renders.get(), 2);
    assert!(probe.shown.contains("[39]") && !probe.shown.contains("[38]"), "only the newest data");
}

#[tokio::test(start_paused = true)]
async fn a_resize_storm_ends_in_one_frame_of_the_last_size() {
    let mut probe = Probe::default();
    with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        for n in 1..200u16 {
            bench.notify.send(Notice::Resize(Size::new(n, 5))).await.unwrap();
        }
        bench.notify.send(Notice::Resize(Size::new(70, 5))).await.unwrap();
        bench.type_in("q").await;
        while bench.end.frames.recv().await.is_some_and(|frame| bench.end.written.try_send(Ok(frame)).is_ok())
        {
        }
    })
    .await;
    assert!(probe.renders.get() < 20, "{} frames", probe.renders.get());
    assert!(probe.shown.contains("70x5"));
}

#[tokio::test(start_paused = true)]
async fn a_terminal_back_at_its_size_is_painted_anew() {
    let mut probe = Probe::default();
    with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        bench.type_in("x").await;
        bench.frame().await;
        // Its size in between was never seen; the terminal cut what was on it all the same.
        bench.notify.send(Notice::Resize(Size::new(60, 5))).await.unwrap();
        let frame = bench.frame().await;
        assert!(frame.contains("\x1b[2J") && frame.contains("60x5 x60x5"), "{frame:?}");
        bench.type_in("q").await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_taken_while_the_terminal_takes_nothing() {
    let mut probe = Probe::default();
    let (bench, mut ports) = Bench::new();
    let mut session = Session::new(&mut probe, Size::new(60, 5), QUIET);
    // The first frame is never written: more data and keys come all the same.
    let user = async {
        for n in 0..1000u32 {
            bench.publish.send(n).unwrap();
        }
        bench.type_in("xy").await;
        bench.type_in("q").await;
    };
    let (stop, ()) = tokio::join!(session.drive(&mut ports), user);
    assert_eq!(stop, Stop::End(Ending::Quit));
    assert!(!session.settle(&mut ports).await, "and says that the terminal takes nothing");
    assert!(probe.shown.contains("xy"));
}

#[tokio::test(start_paused = true)]
async fn a_lone_escape_is_resolved_by_time() {
    let mut probe = Probe::default();
    with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        bench.type_in("\x1b").await;
        assert!(bench.frame().await.contains("Esc"));
        bench.type_in("q").await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn large_frames_wait_for_the_answer_of_the_terminal() {
    struct Noise(u32, Probe);
    impl App for Noise {
        type Data = u32;
        fn event(&mut self, event: InputEvent) {
            self.1.event(event);
        }
        fn wake(&mut self, data: u32) {
            self.0 = data;
            self.1.dirty = true;
        }
        fn render(&self, area: Rect, buffer: &mut Buffer) {
            for (x, y) in (0..area.height).flat_map(|y| (0..area.width).map(move |x| (x, y))) {
                buffer[(x, y)].set_char(char::from(b'a' + ((u32::from(x + y) + self.0) % 26) as u8));
            }
        }
        fn take_redraw(&mut self) -> bool {
            self.1.take_redraw()
        }
        fn requests(&mut self) -> Vec<Request> {
            self.1.requests()
        }
    }
    let mut app = Noise(0, Probe::default());
    let (mut bench, mut ports) = Bench::new();
    let mut session = Session::new(&mut app, Size::new(200, 60), Caps { fence: true, ..QUIET });
    let user = async {
        let start = Instant::now();
        assert!(bench.frame().await.ends_with("\x1b[5n"));
        bench.publish.send(1).unwrap();
        bench.type_in("\x1b[0n").await;
        bench.frame().await;
        assert!(start.elapsed() < FIRST_PATIENCE, "the answer lets the next frame go");
        bench.publish.send(2).unwrap();
        bench.frame().await;
        assert!(start.elapsed() >= FIRST_PATIENCE, "without it the next one waits");
        bench.type_in("q").await;
    };
    let (stop, ()) = tokio::join!(session.drive(&mut ports), user);
    assert_eq!(stop, Stop::End(Ending::Quit));
}

#[tokio::test(start_paused = true)]
async fn the_answer_under_way_is_awaited_before_the_terminal_is_left() {
    let mut probe = Probe::default();
    let (mut bench, mut ports) = Bench::new();
    let mut session = Session::new(&mut probe, Size::new(60, 5), Caps { fence: true, ..QUIET });
    bench.type_in("q").await;
    assert_eq!(session.drive(&mut ports).await, Stop::End(Ending::Quit));
    let start = Instant::now();
    let user = async {
        bench.frame().await;
        bench.type_in("\x1b[0n").await;
    };
    let (settled, ()) = tokio::join!(session.settle(&mut ports), user);
    assert!(settled && start.elapsed() < FIRST_PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_vanished_terminal_ends_the_session_quietly() {
    let mut probe = Probe::default();
    let stop = with(&mut probe, QUIET, async |bench: &mut Bench| bench.typed = mpsc::channel(1).0).await;
    assert_eq!(stop, Stop::End(Ending::Gone), "nothing can be read");
    let (mut bench, mut ports) = Bench::new();
    let mut session = Session::new(&mut probe, Size::new(60, 5), QUIET);
    let user = async {
        bench.end.frames.recv().await.unwrap();
        bench.end.written.send(Err(io::ErrorKind::BrokenPipe.into())).await.unwrap();
    };
    let (stop, ()) = tokio::join!(session.drive(&mut ports), user);
    assert_eq!(stop, Stop::End(Ending::Gone), "nothing can be written");
}

#[tokio::test(start_paused = true)]
async fn a_stopped_engine_does_not_stop_the_session() {
    let mut probe = Probe::default();
    let stop = with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        let (nobody, _) = watch::channel(0);
        drop(std::mem::replace(&mut bench.publish, nobody));
        bench.type_in("y").await;
        assert!(bench.frame().await.contains('y'));
        assert!(bench.frame().await.contains('♥'), "and time goes on");
        bench.type_in("q").await;
    })
    .await;
    assert_eq!(stop, Stop::End(Ending::Quit));
}

#[tokio::test(start_paused = true)]
async fn titles_bells_and_copies_are_sent_cleaned_and_bounded() {
    let requests = vec![
        Request::Title("■2 KVANDAL\x1b[2J".into()),
        Request::Bell,
        Request::Copy("KVD-H3".into()),
        Request::Copy("x".repeat(clipboard::MAX_BYTES + 1)),
    ];
    let mut probe = Probe { requests, ..Probe::default() };
    with(&mut probe, QUIET, async |bench: &mut Bench| {
        let first = bench.frame().await;
        assert!(first.starts_with("\x1b]2;■2 KVANDAL[2J\x07\x1b]52;c;S1ZELUgz\x07\x07"), "{first:?}");
        bench.type_in("q").await;
    })
    .await;
    let too_long = CopyReport::TooLong { bytes: clipboard::MAX_BYTES + 1, limit: clipboard::MAX_BYTES };
    assert_eq!(probe.reports, [CopyReport::Sent, too_long]);
}

#[tokio::test(start_paused = true)]
async fn the_end_outranks_a_stop_and_a_resumed_session_paints_all() {
    let mut probe = Probe::default();
    let (mut bench, mut ports) = Bench::new();
    let mut session = Session::new(&mut probe, Size::new(60, 5), QUIET);
    bench.type_in("\x1a").await;
    assert_eq!(session.drive(&mut ports).await, Stop::Suspend { by_key: true });
    bench.frame().await;
    assert!(session.settle(&mut ports).await);
    session.resumed(Size::new(61, 5));
    bench.notify.send(Notice::Suspend).await.unwrap();
    bench.notify.send(Notice::End(Ending::Signal(15))).await.unwrap();
    assert_eq!(session.drive(&mut ports).await, Stop::End(Ending::Signal(15)));
    let frame = bench.frame().await;
    assert!(frame.contains("\x1b[2J") && frame.contains("61x5"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_engine_wakes_the_loop() {
    use crate::model::alarm::Verb;
    use crate::ui::alarms::deed::What;

    let mut probe = Probe::default();
    let (mut bench, mut ports) = Bench::new();
    let mut session = Session::new(&mut probe, Size::new(60, 5), QUIET);
    let post = session.app.post.clone().expect("the session has begun");
    let drive = async move { session.drive(&mut ports).await };
    let user = async move {
        bench.frame().await;
        let what = What { verb: Verb::Acknowledge, count: 3 };
        post.send(Answer::Operated { what, reply: Ok(4711) }).await;
        assert!(bench.frame().await.contains("Ok(4711)"));
        bench.type_in("q").await;
        // Dropped only now: a terminal that is gone would end the session first.
        bench
    };
    let (stop, _) = tokio::join!(drive, user);
    assert_eq!(stop, Stop::End(Ending::Quit));
}

#[tokio::test(start_paused = true)]
async fn the_clock_runs_ten_times_a_second_while_something_plays_and_not_otherwise() {
    let mut probe = Probe { plays: true, ..Probe::default() };
    with(&mut probe, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        // Three ticks of the clock come before the first heartbeat, and none after them.
        assert!(bench.frame().await.contains('♥'));
        bench.type_in("q").await;
    })
    .await;
    assert_eq!(probe.played.len(), 3);
    assert!(probe.played.iter().all(|ms| (100..110).contains(ms)), "{:?}", probe.played);
    let mut idle = Probe::default();
    with(&mut idle, QUIET, async |bench: &mut Bench| {
        bench.frame().await;
        assert!(bench.frame().await.contains('♥'));
        bench.type_in("q").await;
    })
    .await;
    assert_eq!(idle.played, [0; 0]);
}
