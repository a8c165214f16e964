//! What the actions do in every view. A view that has something of its own to do is asked first.

use std::sync::Arc;

use crate::model::{Asset, Metric};
use crate::ui::action::{Action, ViewKind, Views};
use crate::ui::app::command::Command;
use crate::ui::app::{App, Request, time};
use crate::ui::overlay::{CommandLine, Overlay, Prompt};
use crate::ui::text;
use crate::ui::theme::Theme;
use crate::ui::view::help::Help;
use crate::ui::view::palette::{Index, Palette};
use crate::ui::view::ranking;
use crate::ui::view::view_of;

impl App {
    /// Does an action, as if its key had been pressed.
    pub fn act(&mut self, action: Action) {
        let view = self.nav.view();
        if !action.spec().views.contains(view) {
            return self.say(format!("{} does nothing in the {} view", action.spec().id, view.name()));
        }
        let mut views = std::mem::take(&mut self.views);
        let outcome = views.get_mut(view).act(&self.context(), action);
        self.views = views;
        self.apply(outcome, action);
    }

    pub(super) fn act_everywhere(&mut self, action: Action) {
        if let Some(metric) = action.metric() {
            return self.set_metric(metric);
        }
        match action {
            Action::Help => self.overlay = Some(Overlay::Help(Help::default())),
            Action::CommandLine => self.overlay = Some(Overlay::Command(CommandLine::default())),
            Action::GoToTime => self.overlay = Some(Overlay::Time(Prompt::default())),
            Action::Find => self.find(),
            Action::Back => self.up(),
            Action::Home => self.open(ViewKind::Site),
            Action::Power => self.open(ViewKind::Power),
            Action::Cooling => self.open(ViewKind::Cooling),
            Action::Grid => self.open(ViewKind::Grid),
            Action::Sources => self.open(ViewKind::Sources),
            Action::Jobs => self.open(ViewKind::Jobs),
            Action::Status => self.open(ViewKind::Status),
            Action::LastView => self.last_view(),
            Action::HistoryBack => self.travel_views(true),
            Action::HistoryForward => self.travel_views(false),
            Action::Worst => self.worst(0),
            Action::NextWorst => self.worst(1),
            Action::PreviousWorst => self.worst(-1),
            Action::NextMetric => self.cycle_metric(1),
            Action::PreviousMetric => self.cycle_metric(Metric::ON_KEYS.len() - 1),
            Action::ColorMode => {
                self.choice.color_mode = self.choice.color_mode.next();
                self.load_theme();
                self.say(format!("colours: {}", self.choice.color_mode.name()));
            }
            Action::Theme => self.next_theme(),
            Action::CopyName | Action::CopyRow => self.copy(action == Action::CopyRow),
            Action::Redraw => self.requests.push(Request::Redraw),
            Action::Reload => self.requests.push(Request::Reload),
            Action::Suspend => self.requests.push(Request::Suspend),
            Action::ToggleMouse => {
                self.choice.mouse = !self.choice.mouse;
                self.requests.push(Request::Mouse(self.choice.mouse));
                let who =
                    if self.choice.mouse { "the console (Shift-drag selects text)" } else { "the terminal" };
                self.say(format!("{who} has the mouse"));
            }
            Action::Quit if self.nav.view() == ViewKind::Site => self.overlay = Some(Overlay::ConfirmQuit),
            Action::Quit => self.up(),
            Action::QuitNow => self.requests.push(Request::Quit),
            _ => self.act_in_time(action),
        }
    }

    /// Does what was typed or chosen.
    pub(super) fn run(&mut self, command: Command) {
        match command {
            Command::Action(action) => self.act(action),
            Command::Go(asset) => self.go(asset),
            Command::View(view) => self.open(view),
            Command::Job(by, slot) => {
                self.views.jobs.select(&self.frame, by, slot);
                self.open(ViewKind::Jobs);
            }
            Command::Metric(metric) => self.set_metric(metric),
            Command::Time(moment) => self.go_to(moment),
            Command::Theme(name) => self.set_theme(&name),
            Command::Quit => self.requests.push(Request::Quit),
        }
    }

    pub(super) fn open(&mut self, view: ViewKind) {
        self.nav.open(view, &self.selection);
        self.set_title();
    }

    /// Selects an asset and shows it.
    pub(super) fn go(&mut self, asset: Asset) {
        let topology = Arc::clone(&self.frame.topology);
        if self.selection.select(&topology, asset) {
            self.open(view_of(asset));
        } else {
            self.say(format!("{} holds nothing yet", topology.name(asset)));
        }
    }

    /// Out one level: GPU, rack, hall, site. Plant and lists close to the map they were opened from.
    fn up(&mut self) {
        let view = match self.nav.view() {
            ViewKind::Gpu => ViewKind::Rack,
            ViewKind::Rack => ViewKind::Hall,
            ViewKind::Hall => ViewKind::Site,
            ViewKind::Power
            | ViewKind::Cooling
            | ViewKind::Grid
            | ViewKind::Sources
            | ViewKind::Status
            | ViewKind::Jobs => self.nav.last_map(),
            ViewKind::Site => {
                let key = self.options.keymap.key_of(Action::Quit, ViewKind::Site);
                return self.say(format!("this is the top: {} quits", key.unwrap_or_default()));
            }
        };
        self.open(view);
    }

    fn last_view(&mut self) {
        match self.nav.last() {
            Some(view) => self.open(view),
            None => self.say("no other view has been seen yet".into()),
        }
    }

    fn travel_views(&mut self, back: bool) {
        let selection = self.selection.clone();
        let visit = if back { self.nav.back(&selection) } else { self.nav.forward(&selection) };
        match visit {
            Some(visit) => {
                self.selection = visit.selection;
                self.set_title();
            }
            None => self.say(format!("no view further {}", if back { "back" } else { "forward" })),
        }
    }

    fn find(&mut self) {
        let topology = &self.frame.topology;
        let names = self.names.get_or_insert_with(|| Arc::new(Index::new(topology)));
        let names = Arc::clone(names);
        self.overlay = Some(Overlay::Palette(Box::new(Palette::new(&self.context(), names))));
    }

    /// Shows another metric.
    pub fn set_metric(&mut self, metric: Metric) {
        self.choice.metric = metric;
    }

    fn cycle_metric(&mut self, by: usize) {
        let all = Metric::ON_KEYS;
        let at = all.iter().position(|m| *m == self.choice.metric);
        self.choice.metric = all[at.map_or(0, |i| (i + by) % all.len())];
    }

    /// The worst GPU of the site on the site view, of the hall elsewhere. Goes from the site into
    /// the hall, so that the GPU is seen. With a `step` the one so many places further in the list,
    /// round and round.
    fn worst(&mut self, step: i64) {
        let topology = Arc::clone(&self.frame.topology);
        let metric = ranking::ordered(self.choice.metric);
        let at_site = self.nav.view() == ViewKind::Site;
        let scope = if at_site {
            Asset::Site
        } else {
            self.selection.hall(&topology).map_or(Asset::Site, Asset::Hall)
        };
        let list = self.frame.worst_list(scope, metric, ranking::LINES);
        let selected = self.selection.gpu(&topology);
        let here = list.iter().position(|(gpu, _)| Some(*gpu) == selected).filter(|_| step != 0);
        let place = here.map_or(0, |i| (i as i64 + step).rem_euclid(list.len() as i64) as usize);
        let Some((gpu, _)) = list.get(place).copied() else {
            return self.say(format!(
                "no GPU of {} has a good value of {}",
                topology.name(scope),
                metric.spec().label
            ));
        };
        self.selection.select(&topology, Asset::Gpu(gpu));
        if at_site {
            self.open(ViewKind::Hall);
        }
        let value = self.frame.value(gpu, metric).map_or("-".into(), |v| text::value(metric, v.into()));
        self.say(format!(
            "{} of the worst {} in {}: {} {value}",
            place + 1,
            metric.spec().label,
            topology.name(scope),
            topology.name(Asset::Gpu(gpu))
        ));
    }

    fn next_theme(&mut self) {
        let sources: Vec<(&str, &str)> =
            self.options.themes.iter().map(|(f, t)| (f.as_str(), t.as_str())).collect();
        let names = Theme::names(&sources);
        let at = names.iter().position(|n| *n == self.choice.theme);
        let next = names[at.map_or(0, |i| (i + 1) % names.len())].to_owned();
        self.set_theme(&next);
    }

    fn set_theme(&mut self, name: &str) {
        name.clone_into(&mut self.choice.theme);
        self.say(format!("theme: {name}"));
        self.load_theme();
    }

    fn copy(&mut self, values: bool) {
        let view = self.views.get(self.nav.view());
        let asset = view.subject(&self.context());
        let own = view.copied(&self.context(), values);
        let copied = own.unwrap_or_else(|| {
            let name = self.frame.topology.full_name(asset);
            if values { format!("{name}{}", self.values(asset)) } else { name }
        });
        self.say(format!("copy: {copied}"));
        self.requests.push(Request::Copy(copied));
    }

    /// All quantities of an asset, tab separated: values of a GPU, means of anything larger.
    fn values(&self, asset: Asset) -> String {
        let mut out = format!("\t{}", self.frame.time);
        for metric in Metric::ALL {
            let value = match asset {
                Asset::Gpu(gpu) => self.frame.value(gpu, metric),
                _ => self.frame.stats(asset, metric).map(|s| s.mean),
            };
            let value = value.map_or("-".into(), |v| text::value(metric, v.into()));
            out.push_str(&format!("\t{} {value}", metric.spec().name));
        }
        out
    }

    /// The words for a distance in time from the newest frame.
    pub(super) fn behind(&self) -> String {
        time::distance(self.snapshot.frame.time.since(self.frame.time))
    }

    /// True when the action can be done in the present view.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        Views::contains(action.spec().views, self.nav.view())
    }
}
