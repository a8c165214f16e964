//! The program as its users run it: commands with a home of their own, and the simulated exporters
//! in the background.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What a run of the program gave.
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The output as JSON; panics with the messages of a run that failed.
    pub fn json(&self) -> Value {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        serde_json::from_str(&self.out).expect("the output is JSON")
    }

    /// The output of a run that did not fail.
    pub fn text(&self) -> &str {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        &self.out
    }
}

/// A home without settings, so that those of whoever runs the tests do not matter.
pub struct Home(tempfile::TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of this name and gives its path.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(&path, text).expect("writable");
        path.display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallwatch"));
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("HALLWATCH_")) {
            command.env_remove(name);
        }
        command.args(args).env("HOME", self.0.path()).env("XDG_CONFIG_HOME", self.0.path().join(".config"));
        for name in ["NO_COLOR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        self.start(args).end()
    }

    /// Starts a command that may run beside others.
    pub fn start(&self, args: &[&str]) -> Running {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().expect("the program starts"))
    }
}

/// A command under way.
pub struct Running(Child);

impl Running {
    pub fn end(self) -> Run {
        let output = self.0.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        let code = output.status.code().expect("it was not killed");
        Run { code, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// `sim serve` in the background, standing still; it ends with the test.
pub struct Serve {
    child: Child,
    /// `http://127.0.0.1:port`.
    pub base: String,
    /// The target list that it wrote.
    pub list: PathBuf,
}

impl Serve {
    /// Serves the first `trays` trays as they are after 120 ticks.
    pub fn start(home: &Home, trays: usize, more: &[&str]) -> Self {
        let list = home.path(&format!("served-{trays}.json"));
        let (count, file) = (trays.to_string(), list.display().to_string());
        let fixed =
            ["sim", "serve", "--trays", &count, "--frozen", "120", "--seed", "7", "--targets-file", &file];
        let mut command = home.command(&[&fixed, more].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let stdout = child.stdout.take().expect("it is piped");
        let lines: Vec<String> = BufReader::new(stdout).lines().take(3).map_while(Result::ok).collect();
        let [base, told, ready] = lines.as_slice() else { panic!("the server said {lines:?}") };
        assert_eq!((told, ready.as_str()), (&file, "ready"));
        Self { base: base.clone(), list, child }
    }

    /// The body at `path`, by means that share nothing with the program.
    pub fn get(&self, path: &str) -> String {
        let address = self.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
            .expect("it takes requests");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        body.to_owned()
    }

    /// What is being served, host by host.
    pub fn truth(&self) -> Vec<Value> {
        let truth: Value = serde_json::from_str(&self.get("/truth.json")).expect("JSON");
        assert_eq!(truth["tick"], 120, "it stands still");
        truth["hosts"].as_array().expect("a list of hosts").clone()
    }

    /// The target list as it was written, one entry per tray.
    pub fn targets(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.list).expect("the list was written");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Asks the server to end and gives its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("it is running");
        kill_process(id, Signal::TERM).expect("it is ours");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of the project.
pub fn project(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}
