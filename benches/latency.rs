//! The running program at the hall view of the default site, 200x60: the time from a key to its
//! frame, plain and below tmux (budget: p99 16 ms), and what a minute of 1 Hz costs: CPU (budget:
//! 5 % of a core) and memory (budget: the history's and 150 MiB). It prints figures; what fails is
//! only a key without a frame.

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const COLUMNS: u16 = 200;
const ROWS: u16 = 60;
const KEYS: usize = 400;
/// Pause between keys: faster than any keyboard repeats.
const BETWEEN: Duration = Duration::from_millis(23);
/// How long CPU time is counted.
const WATCHED: Duration = Duration::from_secs(30);
/// A key without a frame fails after this.
const DEADLINE: Duration = Duration::from_secs(60);
/// What the program asks the terminal to know when a frame has been drawn, and the answer.
const FENCE: (&[u8], &[u8]) = (b"\x1b[5n", b"\x1b[0n");
const PROGRAM: &str = env!("CARGO_BIN_EXE_hallwatch");

/// A program in a terminal that is drawn in memory.
struct Term {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    bytes: usize,
    /// The end of the output so far, in case a fence is cut in two.
    tail: Vec<u8>,
}

impl Term {
    fn start(arguments: &[&str], folder: &Path) -> Self {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut builder = CommandBuilder::new(arguments[0]);
        builder.args(&arguments[1..]);
        builder.env_clear();
        let path = std::env::var("PATH").unwrap_or_default();
        let home = folder.display().to_string();
        for (name, value) in [
            ("PATH", path.as_str()),
            ("HOME", &home),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "C.UTF-8"),
        ] {
            builder.env(name, value);
        }
        builder.cwd(folder);
        let child = pair.slave.spawn_command(builder).expect("the program starts");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (send, output) = sync_channel(4096);
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send((Instant::now(), buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
        });
        let (rows, columns) = (ROWS.try_into().expect("not 0"), COLUMNS.try_into().expect("not 0"));
        Self {
            child,
            writer: pair.master.take_writer().expect("a writer"),
            _master: pair.master,
            output,
            parser: vt100::Parser::new(rows, columns, 0),
            bytes: 0,
            tail: Vec::new(),
        }
    }

    fn type_in(&mut self, text: &[u8]) {
        self.writer.write_all(text).expect("the terminal takes keys");
        self.writer.flush().expect("the terminal takes keys");
    }

    /// Takes output for at most `time`; the moment at which it came.
    fn take(&mut self, time: Duration) -> Option<Instant> {
        let (at, bytes) = self.output.recv_timeout(time).ok()?;
        self.tail.extend_from_slice(&bytes);
        let fences = self.tail.windows(FENCE.0.len()).filter(|w| *w == FENCE.0).count();
        if fences > 0 {
            self.type_in(&FENCE.1.repeat(fences));
            self.tail.clear();
        } else {
            self.tail.drain(..self.tail.len().saturating_sub(FENCE.0.len() - 1));
        }
        self.bytes += bytes.len();
        self.parser.process(&bytes);
        Some(at)
    }

    /// Takes output until `shown` is true of the screen; when the last of it came.
    fn wait(&mut self, what: &str, shown: impl Fn(&str) -> bool) -> Instant {
        let end = Instant::now() + DEADLINE;
        let mut last = Instant::now();
        loop {
            let text = self.parser.screen().contents();
            if shown(&text) {
                return last;
            }
            assert!(Instant::now() < end, "{what} never came:\n{text}");
            last = self.take(Duration::from_millis(100)).unwrap_or(last);
        }
    }

    fn drain(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let left = end.saturating_duration_since(Instant::now())
            && !left.is_zero()
        {
            self.take(left);
        }
    }

    fn enter_hall(&mut self) {
        self.wait("the site", |s| s.contains("LIVE") && s.contains("/100 224"));
        self.wait("good values", |s| s.contains(" 100 2"));
        self.type_in(b"\r");
        self.wait("the hall", |s| s.contains("› H1 ") && s.contains("─ R"));
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The title of the box beside the cursor: `R01 K1 T18 G1`.
fn under_cursor(screen: &str) -> Option<String> {
    let title = screen.split("┌─ R").nth(1)?.split('─').next()?;
    Some(title.trim().to_owned())
}

/// Presses cursor keys and prints how long their frames took.
fn latency(name: &str, term: &mut Term) {
    let mut times = Vec::with_capacity(KEYS);
    for n in 0..KEYS {
        let before = under_cursor(&term.parser.screen().contents());
        let key = if n / 10 % 2 == 0 { b"l" } else { b"h" };
        let pressed = Instant::now();
        term.type_in(key);
        let shown = term.wait("the frame of a key", |s| under_cursor(s).is_some_and(|u| Some(u) != before));
        times.push(shown.saturating_duration_since(pressed));
        term.drain(BETWEEN);
    }
    times.sort_unstable();
    let at = |share: f64| times[((KEYS - 1) as f64 * share).round() as usize];
    println!(
        "{name}: {KEYS} keys, all with a frame: p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, worst {:.1?}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// CPU time of process `pid` so far, s.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime and stime, the fields 14 and 15 of proc(5), in hundredths.
    let ticks = |i: usize| fields.get(i - 3).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(14) + ticks(15)) / 100.0
}

/// A line of `/proc/PID/status` in MiB.
fn memory(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let found = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Watches the hall for a while and prints what it costs.
fn cost(name: &str, term: &mut Term, pid: u32, budget_mib: u32) {
    let (cpu, bytes, start) = (cpu_seconds(pid), term.bytes, Instant::now());
    term.drain(WATCHED);
    let seconds = start.elapsed().as_secs_f64();
    let rss = memory(pid, "VmRSS");
    println!(
        "{name}: {:.2} % of a core over {seconds:.0} s, {:.1} kB/s to the terminal, RSS {rss:.0} MiB (peak {:.0}), \
         history budget {budget_mib} MiB",
        100.0 * (cpu_seconds(pid) - cpu) / seconds,
        (term.bytes - bytes) as f64 / 1000.0 / seconds,
        memory(pid, "VmHWM"),
    );
}

fn plain(folder: &Path) {
    let mut term = Term::start(&[PROGRAM, "--seed", "7"], folder);
    term.enter_hall();
    latency("plain terminal", &mut term);
    let pid = term.child.process_id().expect("it runs");
    for (key, metric) in [(b"1", "util"), (b"3", "temp"), (b"2", "power")] {
        term.type_in(key);
        term.drain(Duration::from_secs(2));
        cost(&format!("hall at 1 Hz, {metric}"), &mut term, pid, 512);
    }
}

/// A small history at high speed, so that it has turned over several times.
fn full(folder: &Path) {
    let arguments = [PROGRAM, "--seed", "7", "--history", "64MiB", "--speed", "60"];
    let mut term = Term::start(&arguments, folder);
    term.enter_hall();
    let pid = term.child.process_id().expect("it runs");
    term.drain(Duration::from_secs(20));
    cost("hall at 60 Hz with a full history", &mut term, pid, 64);
}

fn below_tmux(folder: &Path) {
    let config = folder.join("tmux.conf");
    let text = "set -g default-terminal tmux-256color\nset -g status off\nset -g escape-time 0\n";
    std::fs::write(&config, text).expect("writable");
    let (socket, config) = (folder.join("socket").display().to_string(), config.display().to_string());
    let mut term =
        Term::start(&["tmux", "-S", &socket, "-f", &config, "new-session", PROGRAM, "--seed", "7"], folder);
    term.enter_hall();
    latency("below tmux", &mut term);
    let tmux = |arguments: &[&str]| Command::new("tmux").args(["-S", &socket]).args(arguments).output();
    let pid = tmux(&["display-message", "-p", "#{pane_pid}"]).expect("tmux runs").stdout;
    let pid = String::from_utf8_lossy(&pid).trim().parse().expect("a process id");
    cost("hall at 1 Hz below tmux", &mut term, pid, 512);
    tmux(&["kill-server"]).expect("tmux runs");
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    plain(folder.path());
    full(folder.path());
    if Command::new("tmux").arg("-V").output().is_ok_and(|o| o.status.success()) {
        below_tmux(folder.path());
    } else {
        println!("skipped: tmux is missing");
    }
}
