//! `watch`: the console.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::args::{ColorChoice, WatchArgs};
use crate::cli::config::Settings;
use crate::cli::{CliError, config, files, headless, runtime, start};
use crate::engine::past::PastDesk;
use crate::record::{Recording, RecordingTape};
use crate::session::caps::{self, Caps};
use crate::session::console::Console;
use crate::session::local;
use crate::ui::app::Options;
use crate::ui::context::ColorMode;
use crate::ui::depth::ColorDepth;
use crate::ui::glyph::Glyphs;
use crate::ui::keymap::Keymap;
use crate::ui::theme::Theme;

/// How long the journal may take to close.
const CLOSE: Duration = Duration::from_secs(2);

/// Runs the console until the operator quits.
///
/// # Errors
/// Settings that cannot be used, or no terminal to draw on.
pub fn run(settings: Settings, args: &WatchArgs) -> Result<ExitCode, CliError> {
    let caps = caps(&settings);
    let options = console_options(&settings, &caps)?;
    let (prepared, journal) = start::prepare(&settings)?.with_journal(&settings)?;
    let folder = settings.operator.recorder(settings.is_live());
    let mut prepared = prepared.with_backfill(&folder)?;
    let recorder = if settings.recorder.on || args.recorder.record {
        let started = headless::flight(&settings, args.recorder.recorder_budget);
        Some(started.map_err(|source| CliError::Start { what: "the flight recorder", source })?)
    } else {
        None
    };
    if let Some(recorder) = &recorder {
        prepared = prepared.with_recorder(recorder.clone());
    }
    let past = past(&settings, &folder)?;
    let sight = prepared.focus();
    let args = args.clone();
    // The same path as at the start, so that a broken file never replaces what works.
    let reload = move || {
        let settings = config::load(&args.options)?;
        console_options(&settings, &caps)
    };
    let ending = runtime::start()?.block_on(async {
        let handle = prepared.spawn();
        let first = handle.snapshots.borrow().clone();
        let mut console =
            Console::new(options, first, handle.desk.clone(), move || reload().map_err(|e| e.report()))
                .with_sight(sight);
        if let Some(past) = past {
            console = console.with_past(past);
        }
        let session = local::Options { caps, crash_folder: files::state_dir() };
        let ending = local::run(&mut console, handle.snapshots.clone(), session).await;
        // What happened last is saved and the lease given back; a disk that hangs keeps nobody here.
        let _ = tokio::time::timeout(CLOSE, journal.close()).await;
        ending
    });
    // The recording gets its index; a disk that hangs keeps nobody here.
    let _ = recorder.is_none_or(|r| r.close(CLOSE));
    match ending {
        Ok(ending) => Ok(ExitCode::from(ending.exit_code())),
        Err(e) => Err(CliError::Failed(e.to_string())),
    }
}

/// What the flight recorder kept, whichever console wrote it.
fn past(settings: &Settings, folder: &Path) -> Result<Option<PastDesk>, CliError> {
    let mut recording = Recording::watch(folder);
    recording.share(&settings.topology);
    let clips = std::env::current_dir().unwrap_or_else(|_| std::env::temp_dir());
    let tape = RecordingTape::new(recording, "flight recorder", &clips)?;
    let desk = PastDesk::open(Box::new(tape));
    desk.map(Some).map_err(|source| CliError::Start { what: "reading the past", source })
}

pub(super) fn caps(settings: &Settings) -> Caps {
    let mut caps = Caps::detect(&|name| std::env::var(name).ok(), true);
    match settings.color {
        ColorChoice::Never => caps.depth = ColorDepth::Mono,
        ColorChoice::Always if caps.depth == ColorDepth::Mono => caps.depth = ColorDepth::Indexed256,
        ColorChoice::Always | ColorChoice::Auto => {}
    }
    caps.fence &= settings.probe;
    caps
}

pub(super) fn console_options(settings: &Settings, caps: &Caps) -> Result<Options, CliError> {
    let mut options = options(settings, caps.depth)?;
    if !settings.ascii {
        options.glyphs = match caps.glyphs {
            caps::Glyphs::Full => Glyphs::UNICODE,
            caps::Glyphs::Blocks => Glyphs::CONSOLE,
            caps::Glyphs::Ascii => Glyphs::ASCII,
        };
    }
    options.mouse = settings.mouse;
    options.facts = facts(settings, caps);
    Ok(options)
}

fn facts(settings: &Settings, caps: &Caps) -> Vec<(String, String)> {
    let yes = |b: bool| if b { "yes" } else { "no" };
    let mut facts = vec![
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("colours".to_owned(), format!("{:?}", caps.depth)),
        ("characters".to_owned(), format!("{:?}", caps.glyphs)),
        ("between".to_owned(), format!("{:?}", caps.between)),
        ("whole frames".to_owned(), yes(caps.sync).to_owned()),
        ("paced by answers".to_owned(), yes(caps.fence).to_owned()),
    ];
    facts.extend(settings.files.iter().map(|f| ("read".to_owned(), f.display().to_string())));
    facts.extend(settings.warnings.iter().map(|w| ("warning".to_owned(), w.clone())));
    facts
}

/// What the console needs of the settings: keys and themes are checked here.
///
/// # Errors
/// Unknown actions, keys or themes, with the file and line that named them.
pub fn options(settings: &Settings, depth: ColorDepth) -> Result<Options, CliError> {
    let keymap = Keymap::new(&settings.keys).map_err(|errors| {
        let words: Vec<_> = errors.iter().map(ToString::to_string).collect();
        // The line of the first entry that an error is about.
        let about = settings.keys.keys().find(|name| words.iter().any(|w| w.contains(name.as_str())));
        settings.error_at(about.map_or("keys", String::as_str), &words.join("; "))
    })?;
    let themes: Vec<(String, String)> =
        settings.themes.iter().map(|t| (t.path.to_string_lossy().into_owned(), t.text.clone())).collect();
    let sources: Vec<(&str, &str)> = themes.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    Theme::load(&settings.theme, &sources).map_err(|e| settings.error_at("theme", &e.to_string()))?;
    Ok(Options {
        keymap,
        theme: settings.theme.clone(),
        themes,
        color_mode: if depth == ColorDepth::Mono { ColorMode::Mono } else { ColorMode::Theme },
        depth,
        glyphs: if settings.ascii { Glyphs::ASCII } else { Glyphs::UNICODE },
        mouse: settings.mouse,
        facts: Vec::new(),
        operator: Arc::clone(&settings.operator.name),
        replay: None,
        read_only: settings.operator.read_only.then(|| "--read-only".into()),
    })
}
