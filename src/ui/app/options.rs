//! What a session and the app say to each other.

use std::sync::Arc;

use crate::fleet::ask::Ask;
use crate::model::alarm::Operation;
use crate::ui::context::ColorMode;
use crate::ui::depth::ColorDepth;
use crate::ui::glyph::Glyphs;
use crate::ui::keymap::Keymap;

/// What the session brings to the app.
#[derive(Clone, Debug)]
pub struct Options {
    /// The keys.
    pub keymap: Keymap,
    /// Name of the theme.
    pub theme: String,
    /// Theme files: path and text.
    pub themes: Vec<(String, String)>,
    /// How the heatmap uses colour.
    pub color_mode: ColorMode,
    /// Colours of the terminal.
    pub depth: ColorDepth,
    /// Characters of the terminal.
    pub glyphs: Glyphs,
    /// True when the console has the mouse.
    pub mouse: bool,
    /// Facts about terminal and program for the status view.
    pub facts: Vec<(String, String)>,
    /// Who handles alarms here.
    pub operator: Arc<str>,
    /// Why this console may not handle alarms; `None` when it may.
    pub read_only: Option<Arc<str>>,
    /// Name of the recording that is replayed: there is no present to go back to.
    pub replay: Option<Arc<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keymap: Keymap::defaults(),
            theme: "default".to_owned(),
            themes: Vec::new(),
            color_mode: ColorMode::default(),
            depth: ColorDepth::TrueColor,
            glyphs: Glyphs::UNICODE,
            mouse: false,
            facts: Vec::new(),
            operator: "operator".into(),
            read_only: None,
            replay: None,
        }
    }
}

/// What the app wants from the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// End the session.
    Quit,
    /// Stop until the shell continues the program.
    Suspend,
    /// Put text into the clipboard; tell the outcome with [`App::notify`](crate::ui::app::App::notify).
    Copy(String),
    /// Send the whole screen again.
    Redraw,
    /// Set the title of the window.
    Title(String),
    /// Read configuration and themes again, and hand them over with [`App::configure`](crate::ui::app::App::configure).
    Reload,
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Hand this to the engine; tell the answer with [`App::operated`].
    ///
    /// [`App::operated`]: crate::ui::app::App::operated
    Operate(Operation),
    /// Ask the past this; tell the answer with [`App::told`].
    ///
    /// [`App::told`]: crate::ui::app::App::told
    Past(Ask),
    /// Ring the bell.
    Bell,
}
