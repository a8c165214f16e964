//! The smallest app on a local session, for the tests of the terminal: shows its size and its last
//! keys, stops at Ctrl-Z, panics at `!` (in the session) and `%` (in another thread), quits at `q`.
//! With the argument `flood` it paints noise at the highest rate.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hallwatch::session::caps::Caps;
use hallwatch::session::local::{Options, run};
use hallwatch::session::{App, Request};
use hallwatch::ui::key::InputEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use tokio::sync::watch;

#[derive(Default)]
struct Probe {
    flood: bool,
    size: (u16, u16),
    keys: Vec<String>,
    data: u32,
    dirty: bool,
    requests: Vec<Request>,
}

impl App for Probe {
    type Data = u32;

    fn event(&mut self, event: InputEvent) {
        self.dirty = true;
        let key = match event {
            InputEvent::Key(key) => key.to_string(),
            InputEvent::Resize(width, height) => {
                self.size = (width, height);
                return;
            }
            InputEvent::Paste(text) => format!("<{text}>"),
            other => format!("{other:?}"),
        };
        match key.as_str() {
            "q" => self.requests.push(Request::Quit),
            "C-z" => self.requests.push(Request::Suspend),
            "!" => panic!("asked to panic"),
            "%" => drop(std::thread::spawn(|| panic!("asked to panic elsewhere"))),
            "m" => self.requests.push(Request::Mouse(true)),
            "t" => self.requests.push(Request::Title("probe".into())),
            _ => {}
        }
        self.keys.push(key);
    }

    fn wake(&mut self, data: u32) {
        self.data = data;
        self.dirty = true;
    }

    fn render(&self, area: Rect, buffer: &mut Buffer) {
        let mut noise = self.data;
        for cell in buffer.content.iter_mut().filter(|_| self.flood) {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, d] = noise.to_be_bytes();
            cell.set_symbol("▀").set_fg(Color::Rgb(a, b, c)).set_bg(Color::Rgb(b, c, d));
        }
        let width = usize::from(area.width);
        let from = self.keys.len().saturating_sub(8);
        let lines = [
            format!("size {}x{} pid {}", self.size.0, self.size.1, std::process::id()),
            format!("keys {} {}.", self.keys.len(), self.keys[from..].join(" ")),
        ];
        for (y, line) in (0..area.height).zip(lines) {
            buffer.set_stringn(0, y, line, width, Style::new());
        }
    }

    fn take_redraw(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }

    fn requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut app = Probe { flood: std::env::args().any(|argument| argument == "flood"), ..Probe::default() };
    let (publish, data) = watch::channel(0);
    if app.flood {
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_millis(1));
            while publish.send(beat.tick().await.elapsed().subsec_nanos()).is_ok() {}
        });
    }
    let options = Options {
        caps: Caps::detect(&|name| std::env::var(name).ok(), true),
        crash_folder: std::env::var_os("PROBE_CRASH_FOLDER").map_or_else(std::env::temp_dir, PathBuf::from),
    };
    match run(&mut app, data, options).await {
        Ok(ending) => ExitCode::from(ending.exit_code()),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
