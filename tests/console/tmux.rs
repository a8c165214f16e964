//! A tmux server of one's own with the console in it: keys go in, the screen comes out.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use regex::Regex;

/// How long anything may take: only a console that never gets there fails by it.
const DEADLINE: Duration = Duration::from_secs(60);
/// A screen is looked at again after so long, even when the console has drawn nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The name of a run's last line on the screen, followed by the exit code.
pub const ENDED: &str = "console ended with";

/// A tmux server that ends with its owner.
pub struct Tmux {
    folder: tempfile::TempDir,
    /// Something was drawn since the last look.
    drawn: Receiver<()>,
}

/// True when tmux is there; says so when it is not.
pub fn is_there() -> bool {
    let found = Command::new("tmux").arg("-V").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !found {
        println!("skipped: tmux is missing");
    }
    found
}

impl Tmux {
    /// Runs the console with `arguments` in a terminal of `columns` x `rows`, below a shell that
    /// writes the modes of the terminal before and after into files.
    pub fn start((columns, rows): (u16, u16), environment: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let config = "set -g default-terminal tmux-256color\nset -g status off\nset -g escape-time 0\n";
        std::fs::write(at("tmux.conf"), config).expect("writable");
        let made = Command::new("mkfifo").arg(at("output")).status().expect("mkfifo is there");
        assert!(made.success());
        let quoted: Vec<String> = arguments.iter().map(|a| format!("'{a}'")).collect();
        let console = format!("{} {}", env!("CARGO_BIN_EXE_hallwatch"), quoted.join(" "));
        let script = format!(
            "stty -a > before\nenv {environment} sh -c 'echo $$ > pid; exec \"$@\"' sh {console}\n\
             code=$?\nstty -a > after\necho {ENDED} $code\nexec cat\n"
        );
        std::fs::write(at("script"), script).expect("writable");
        let (tell, drawn) = sync_channel(1);
        let output = at("output");
        std::thread::spawn(move || {
            // Opening waits for tmux, reading for the console.
            let Ok(mut pipe) = File::open(output) else { return };
            let mut buffer = [0; 65536];
            while let Ok(1..) = pipe.read(&mut buffer) {
                // One notice that is still unread says enough.
                let _ = tell.try_send(());
            }
        });
        let tmux = Self { folder, drawn };
        let (x, y) = (columns.to_string(), rows.to_string());
        let pipe = format!("exec cat > '{}'", tmux.path("output").display());
        tmux.run(&["new-session", "-d", "-x", &x, "-y", &y, "sh script", ";", "pipe-pane", &pipe]);
        tmux
    }

    /// The console on a small site of two halls, ten simulated seconds a second.
    pub fn small(size: (u16, u16), more: &[&str]) -> Self {
        let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console/site.toml");
        let site = site.display().to_string();
        let fixed = ["--topology", &site, "--seed", "7", "--speed", "10"];
        Self::start(size, "", &[&fixed[..], more].concat())
    }

    /// A file of this terminal.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a file of this terminal holds.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Runs a tmux command and gives what it prints.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("tmux runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "tmux {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "C.UTF-8").env("SHELL", "/bin/sh").env("COLORTERM", "truecolor");
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.args(["-S", "socket", "-f", "tmux.conf"]).args(arguments);
        command
    }

    /// Presses keys, by tmux's names for them: `Enter`, `Escape`, `BSpace`, `C-r`, `h`.
    pub fn press(&self, keys: &[&str]) {
        self.run(&[&["send-keys"][..], keys].concat());
    }

    /// Types text as it is.
    pub fn type_in(&self, text: &str) {
        self.run(&["send-keys", "-l", "--", text]);
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// Waits until the screen matches `expected`, with `^` and `$` at lines, and gives it. The path
    /// in the header has no blanks around its arrows where there is little room.
    pub fn wait(&self, expected: &str) -> String {
        let pattern = format!("(?m){}", expected.replace(" › ", " ?› ?"));
        let regex = Regex::new(&pattern).expect("a regular expression");
        self.wait_until(expected, |screen| regex.is_match(screen))
    }

    /// Waits until `shown` is true of the screen, and gives it.
    pub fn wait_until(&self, what: &str, shown: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + DEADLINE;
        loop {
            let screen = self.screen();
            if shown(&screen) {
                return screen;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} never came; the screen:\n{screen}");
            // Whether something was drawn or not: the next look tells.
            let _ = self.drawn.recv_timeout(left.min(LOOK_AGAIN));
        }
    }

    /// Presses a key and waits for what follows.
    pub fn press_for(&self, key: &str, expected: &str) -> String {
        self.press(&[key]);
        self.wait(expected)
    }

    /// The process id of the console.
    pub fn pid(&self) -> i32 {
        self.read("pid").trim().parse().expect("a number")
    }

    /// Waits for the end of the console: exit code `code`, the terminal as it was, and the screen
    /// of the shell with nothing on it.
    pub fn ended(&self, code: i32) {
        let screen = self.ended_after_resize(code);
        let rest: Vec<&str> = screen.lines().filter(|l| !l.trim().is_empty()).collect();
        assert_eq!(rest, [format!("{ENDED} {code}")]);
    }

    /// The same without a look at the shell's screen: tmux 3.3 leaves some of the other screen on it
    /// when a terminal has grown meanwhile, whatever program ran there.
    pub fn ended_after_resize(&self, code: i32) -> String {
        let screen = self.wait(&format!("{ENDED} {code}$"));
        // The first line tells the size.
        let modes = |name: &str| self.read(name).lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert!(modes("before").len() > 4, "{}", self.read("before"));
        assert_eq!(modes("before"), modes("after"), "the modes of the terminal");
        let flags = self.run(&["display-message", "-p", "#{cursor_flag} #{mouse_any_flag} #{alternate_on}"]);
        assert_eq!(flags.trim(), "1 0 0", "cursor shown, mouse released, main screen");
        screen
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // The server may have ended with its last program.
        let _ = self.command(&["kill-server"]).stderr(Stdio::null()).status();
    }
}
