//! A terminal of our own around a program: types, answers status requests, shows the screen.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

/// No single wait takes longer; reached only when a test fails.
const DEADLINE: Duration = Duration::from_secs(30);
const FENCE: &[u8] = b"\x1b[5n";

/// The path of the probe, built if it is not there or not of this tree.
pub fn probe() -> PathBuf {
    static BUILT: Once = Once::new();
    let exe = std::env::current_exe().unwrap();
    let profile = exe.parent().and_then(Path::parent).unwrap().to_owned();
    BUILT.call_once(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", "pty_probe"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        // What cargo tells a test about its package would make build scripts run again.
        let told = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.starts_with(start));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(told)) {
            build.env_remove(name);
        }
        build.env_remove("LD_LIBRARY_PATH");
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    });
    profile.join("examples/pty_probe")
}

/// A program in a terminal.
pub struct Pty {
    pub child: Box<dyn Child + Send + Sync>,
    pub master: Box<dyn MasterPty + Send>,
    /// The modes before the program ran.
    pub before: String,
    /// Kept open: the modes of a terminal live as long as someone holds it.
    _slave: Box<dyn SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    pub parser: vt100::Parser,
    pub raw: Vec<u8>,
    answered: usize,
}

fn pty_size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// All modes of a terminal, written out.
pub fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

fn side(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

impl Pty {
    /// Runs `program arguments` in a terminal of `columns` x `rows`.
    pub fn spawn(command: &[&str], (columns, rows): (u16, u16), crash_folder: &Path) -> Self {
        let pair = native_pty_system().openpty(pty_size(columns, rows)).unwrap();
        let mut builder = CommandBuilder::new(command[0]);
        builder.args(&command[1..]);
        builder.env_clear();
        for (name, value) in
            [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PS1", "ready> "), ("ENV", "")]
        {
            builder.env(name, value);
        }
        builder.env("PATH", std::env::var("PATH").unwrap());
        builder.env("PROBE_CRASH_FOLDER", crash_folder);
        builder.cwd(crash_folder);
        let before = modes(&*pair.master);
        let child = pair.slave.spawn_command(builder).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, output) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            before,
            writer: pair.master.take_writer().unwrap(),
            master: pair.master,
            _slave: pair.slave,
            output,
            parser: vt100::Parser::new(side(rows), side(columns), 0),
            raw: Vec::new(),
            answered: 0,
        }
    }

    /// The modes of the terminal now.
    pub fn modes(&self) -> String {
        modes(&*self.master)
    }

    pub fn type_in(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser.set_size(side(rows), side(columns));
        self.master.resize(pty_size(columns, rows)).unwrap();
    }

    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Reads until `shown` holds; panics with the screen when it never does.
    pub fn wait(&mut self, what: &str, shown: impl Fn(&Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !shown(self) {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take(&bytes),
                Err(error) => panic!("{what} never came ({error}); the screen:\n{}", self.text()),
            }
        }
    }

    pub fn wait_for(&mut self, text: &str) {
        self.wait(text, |pty| pty.text().contains(text));
    }

    fn take(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
        self.raw.extend_from_slice(bytes);
        let fences = self.raw.windows(FENCE.len()).skip(self.answered).enumerate();
        let asked: Vec<usize> = fences.filter(|(_, window)| *window == FENCE).map(|(at, _)| at).collect();
        if let Some(last) = asked.last() {
            self.answered += last + FENCE.len();
            let answer = "\x1b[0n".repeat(asked.len());
            // A program that has ended needs no answer.
            let _ = self.writer.write_all(answer.as_bytes());
        } else {
            self.answered = self.raw.len().saturating_sub(FENCE.len() - 1).max(self.answered);
        }
    }

    /// Waits for the end of the program, and for the terminal to hear of it; returns the exit code.
    pub fn exit_code(&mut self) -> u32 {
        let (send, ended) = channel();
        let mut child = std::mem::replace(&mut self.child, Box::new(NoChild));
        std::thread::spawn(move || send.send(child.wait().unwrap().exit_code()));
        let end = Instant::now() + DEADLINE;
        loop {
            match self.output.recv_timeout(Duration::from_millis(20)) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if let Ok(code) = ended.try_recv() {
                        // The last that a session sends is the title that it found.
                        self.wait("the end", |pty| pty.is_later("\x1b[23;2t", "\x1b[22;2t"));
                        return code;
                    }
                }
            }
            assert!(Instant::now() < end, "the program never ended; the screen:\n{}", self.text());
        }
    }

    /// Panics unless the terminal has none of the modes of a session.
    pub fn assert_left(&self) {
        let screen = self.parser.screen();
        assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        for (on, off) in
            [("\x1b[?1004h", "\x1b[?1004l"), ("\x1b[?7l", "\x1b[?7h"), ("\x1b[22;2t", "\x1b[23;2t")]
        {
            assert!(self.is_later(off, on), "a mode was left on");
        }
    }

    /// True if the last `this` came after the last `that`.
    fn is_later(&self, this: &str, that: &str) -> bool {
        let raw = String::from_utf8_lossy(&self.raw);
        raw.rfind(this) > raw.rfind(that)
    }
}

/// Stands in for a child that has been handed to a thread.
#[derive(Debug)]
struct NoChild;

impl portable_pty::ChildKiller for NoChild {
    fn kill(&mut self) -> std::io::Result<()> {
        Ok(())
    }
    fn clone_killer(&self) -> Box<dyn portable_pty::ChildKiller + Send + Sync> {
        Box::new(Self)
    }
}

impl Child for NoChild {
    fn try_wait(&mut self) -> std::io::Result<Option<portable_pty::ExitStatus>> {
        Ok(None)
    }
    fn wait(&mut self) -> std::io::Result<portable_pty::ExitStatus> {
        Err(std::io::ErrorKind::Other.into())
    }
    fn process_id(&self) -> Option<u32> {
        None
    }
}
