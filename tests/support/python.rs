//! Python with packages, in a folder of its own, where that can be had.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python with these packages in `folder`; `None` where it cannot be had, with a line that says why.
pub fn python(folder: &Path, packages: &[&str]) -> Option<PathBuf> {
    let environment = folder.join("venv");
    let done = |command: &mut Command| command.output().is_ok_and(|o| o.status.success());
    let python = environment.join("bin/python");
    let made = done(Command::new("python3").arg("-m").arg("venv").arg(&environment));
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    if made && done(&mut install) {
        return Some(python);
    }
    let what = if made { "pip cannot install" } else { "python3 with venv is missing, for" };
    eprintln!("skipped: {what} {}", packages.join(", "));
    None
}

/// What a script writes.
pub fn output(python: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(python).args(arguments).output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    output.stdout
}
