//! Mosquitto on a free port of loopback, where it is installed.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A broker of its own; it ends with the test.
pub struct Mosquitto {
    child: Child,
    /// Where it listens.
    pub port: u16,
}

/// The program of this name in one of the folders; a word where there is none.
fn program(folders: &[&str], name: &str) -> Option<PathBuf> {
    let found = folders.iter().map(|f| Path::new(f).join(name)).find(|p| p.exists());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found
}

/// A port of loopback that nobody has at the moment.
pub fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    free.local_addr().expect("bound").port()
}

impl Mosquitto {
    /// `None`, with a word, where Mosquitto is not installed.
    pub fn start() -> Option<Self> {
        Self::with(free_port(), "allow_anonymous true\n")
    }

    /// On this port, with these lines of settings.
    pub fn with(port: u16, settings: &str) -> Option<Self> {
        let program = program(&["/usr/sbin", "/usr/local/sbin", "/usr/bin"], "mosquitto")?;
        let home = tempfile::tempdir().expect("a temporary folder");
        let file = home.path().join("mosquitto.conf");
        // Started by root it would give up the right to read what the test wrote.
        let lines = format!("user root\nlistener {port} 127.0.0.1\nmax_queued_messages 100000\n{settings}");
        std::fs::write(&file, lines).expect("writable");
        let mut command = Command::new(program);
        command.arg("-v").arg("-c").arg(&file).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let running = lines.by_ref().map_while(Result::ok).any(|l| l.contains("running"));
        assert!(running, "mosquitto says that it runs");
        // It goes on talking: somebody has to listen.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Some(Self { child, port })
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes the file of passwords with one user.
pub fn passwords(file: &Path, user: &str, password: &str) -> Option<()> {
    let program = program(&["/usr/bin", "/usr/local/bin"], "mosquitto_passwd")?;
    let done = Command::new(program).args(["-b", "-c"]).arg(file).args([user, password]).output();
    assert!(done.expect("it starts").status.success(), "a file of passwords");
    Some(())
}
