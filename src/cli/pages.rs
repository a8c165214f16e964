//! Texts made from the declared arguments: shell completions and manual pages.

use std::io::Write;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::CliError;
use crate::cli::args::{Args, EXAMPLES};

/// Writes the completion script for `shell`.
///
/// # Errors
/// The output cannot be written.
pub fn completions(shell: Shell, out: &mut dyn Write) -> Result<(), CliError> {
    // The generator panics on a failed write, so it writes to memory.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "hallwatch", &mut text);
    Ok(out.write_all(&text)?)
}

/// Writes the manual page to `out`, or one page per command into the folder `dir`.
///
/// # Errors
/// The output or the folder cannot be written.
pub fn man(dir: Option<&Path>, out: &mut dyn Write) -> Result<(), CliError> {
    let command = Args::command().after_help(EXAMPLES);
    match dir {
        Some(dir) => clap_mangen::generate_to(command, dir)
            .map_err(|source| CliError::Write { path: dir.to_owned(), source }),
        None => Ok(clap_mangen::Man::new(command).render(out)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_exist_for_every_shell_and_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut out = Vec::new();
            completions(shell, &mut out).expect("memory can be written");
            let text = String::from_utf8(out).expect("scripts are text");
            assert!(
                text.contains("snapshot") && text.contains("--scrape") | text.contains("-l scrape"),
                "{shell}"
            );
        }
    }

    #[test]
    fn one_manual_page_is_written_per_command() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        man(Some(dir.path()), &mut Vec::new()).expect("the folder is writable");
        for page in ["hallwatch.1", "hallwatch-snapshot.1", "hallwatch-sim-serve.1", "hallwatch-doctor.1"] {
            assert!(dir.path().join(page).exists(), "{page}");
        }
        let e = man(Some(&dir.path().join("absent")), &mut Vec::new()).expect_err("no such folder");
        assert!(e.report().contains("absent"), "{}", e.report());
    }

    #[test]
    fn the_manual_page_has_the_examples() {
        let mut out = Vec::new();
        man(None, &mut out).expect("memory can be written");
        assert!(String::from_utf8_lossy(&out).contains("targets.json"));
    }
}
