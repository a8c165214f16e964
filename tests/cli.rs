//! The command line from outside: exit codes, messages, and the files that must be refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a run of the program gave.
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// A home without settings, so that those of whoever runs the tests do not matter.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallwatch"));
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("HALLWATCH_")) {
            command.env_remove(name);
        }
        command.args(args).env("HOME", self.0.path()).env("XDG_CONFIG_HOME", self.0.path().join(".config"));
        command.env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }
}

fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
    Run {
        code: output.status.code().expect("it was not killed"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn configs(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(kind)
}

fn listing(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).expect("the folder exists");
    let mut paths: Vec<_> = entries.map(|e| e.expect("it can be listed").path()).collect();
    paths.sort();
    paths
}

#[test]
fn valid_files_pass_the_check() {
    for path in listing(&configs("valid")) {
        let r = Home::new().run(&["check", &path.to_string_lossy()]);
        assert_eq!((r.code, r.err.as_str()), (0, ""), "{}: {}", path.display(), r.out);
        assert!(r.out.starts_with("ok "), "{}", r.out);
    }
}

#[test]
fn each_invalid_file_is_refused_with_its_message() {
    let expected =
        std::fs::read_to_string(configs("invalid").join("EXPECTED")).expect("the list of messages");
    let expected: BTreeMap<&str, &str> = expected.lines().filter_map(|l| l.split_once(' ')).collect();
    let files = listing(&configs("invalid"));
    assert_eq!(files.len(), expected.len() + 1, "a file without message or a message without file");
    for path in files.iter().filter(|p| p.extension().is_some()) {
        let name = path.file_name().expect("a file").to_string_lossy();
        let r = Home::new().run(&["check", &path.to_string_lossy()]);
        let message = expected.get(name.as_ref()).unwrap_or_else(|| panic!("{name} is not in EXPECTED"));
        assert_eq!(r.out.trim_end(), format!("wrong  {}{message}", path.display()));
        assert_eq!((r.code, r.err.as_str()), (1, "hallwatch: 1 check failed\n"));
    }
}

#[test]
fn an_invalid_config_stops_every_command_that_needs_it() {
    let path = configs("invalid").join("config-unknown-key.toml").to_string_lossy().into_owned();
    for command in [&["watch"][..], &["snapshot"], &["config", "print"], &[]] {
        let args: Vec<&str> = command.iter().copied().chain(["--config", &path]).collect();
        let r = Home::new().run(&args);
        assert_eq!((r.code, r.out.as_str()), (1, ""), "{command:?}");
        assert_eq!(r.err, format!("hallwatch: {path}:2: unknown key `histry`: did you mean `history`?\n"));
    }
}

#[test]
fn wrong_usage_exits_with_2_and_names_the_nearest() {
    let home = Home::new();
    for (args, phrase) in [
        (&["snapshto"][..], "snapshot"),
        (&["--thme", "x"], "--theme"),
        (&["--history", "lots"], "expected one like 512MiB"),
        (&["--local", "--seed", "1"], "--seed and --speed need the simulator"),
        (&["snapshot", "--view", "hall:H9"], "no `H9` in Kvandal"),
    ] {
        let r = home.run(args);
        assert_eq!((r.code, r.out.as_str()), (2, ""), "{args:?}");
        assert!(r.err.contains(phrase), "{args:?}: {}", r.err);
    }
}

#[test]
fn help_and_version_exit_with_0() {
    let home = Home::new();
    assert_eq!(home.run(&["--version"]).out, format!("hallwatch {}\n", env!("CARGO_PKG_VERSION")));
    let help = home.run(&["--help"]);
    assert_eq!(help.code, 0);
    for word in ["Examples:", "snapshot", "sim", "doctor", "completions", "--scrape"] {
        assert!(help.out.contains(word), "{word} is in the help");
    }
    assert!(home.run(&["snapshot", "--help"]).out.contains("--view"));
}

#[test]
fn variables_go_before_the_file_and_flags_before_variables() {
    let home = Home::new();
    let dir = home.0.path().join(".config/hallwatch");
    std::fs::create_dir_all(&dir).expect("writable");
    std::fs::write(dir.join("config.toml"), "theme = \"file\"\ncolor = \"always\"\n").expect("writable");
    let line = |r: &Run, key: &str| {
        let found = r.out.lines().find(|l| l.starts_with(&format!("{key} = "))).map(str::to_owned);
        found.unwrap_or_else(|| panic!("{key} is printed: {}{}", r.out, r.err))
    };
    let r = home.run(&["config", "print"]);
    assert_eq!(
        (line(&r, "theme"), line(&r, "color")),
        ("theme = \"file\"".into(), "color = \"always\"".into())
    );
    assert!(r.out.contains(".config/hallwatch/config.toml:2"), "the origin is told: {}", r.out);
    let r = run(home.command(&["config", "print"]).env("HALLWATCH_THEME", "env").env("NO_COLOR", "1"));
    assert_eq!(
        (line(&r, "theme"), line(&r, "color")),
        ("theme = \"env\"".into(), "color = \"never\"".into())
    );
    let args = ["config", "print", "--theme", "flag", "--color", "auto"];
    let r = run(home.command(&args).env("HALLWATCH_THEME", "env").env("NO_COLOR", "1"));
    assert_eq!(
        (line(&r, "theme"), line(&r, "color")),
        ("theme = \"flag\"".into(), "color = \"auto\"".into())
    );
}

#[test]
fn what_config_print_writes_is_a_valid_config() {
    let home = Home::new();
    for args in [&["config", "print"][..], &["config", "print", "--defaults"]] {
        let printed = home.run(args);
        let path = home.0.path().join("printed.toml");
        std::fs::write(&path, printed.out).expect("writable");
        assert_eq!(home.run(&["check", &path.to_string_lossy()]).code, 0, "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::new();
    let mut child =
        home.command(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn doctor_answers_without_terminal_and_without_settings() {
    let r = Home::new().run(&["doctor", "--scrape", "http://127.0.0.1:1/metrics"]);
    assert_eq!((r.code, r.err.as_str()), (0, ""));
    assert!(
        r.out.contains("standard output      no terminal") && r.out.contains("http://127.0.0.1:1/metrics")
    );
}
