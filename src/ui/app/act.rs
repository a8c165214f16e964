//! What the actions do in every view. A view that has something of its own to do is asked first.

use std::sync::Arc;

use crate::fleet::series::Signal;
use crate::model::{Asset, Metric, Quantity};
use crate::ui::action::{Action, Group, ViewKind, Views};
use crate::ui::app::command::Command;
use crate::ui::app::{App, Request, time};
use crate::ui::layer::{Layer, RackLayer};
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
        if self.act_on_timeline(action) {
            return;
        }
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
            Action::Points => self.open(ViewKind::Points),
            Action::Jobs => self.open(ViewKind::Jobs),
            Action::Alarms => self.open(ViewKind::Alarms),
            Action::Status => self.open(ViewKind::Status),
            Action::LastView => self.last_view(),
            Action::HistoryBack => self.travel_views(true),
            Action::HistoryForward => self.travel_views(false),
            Action::Worst => self.worst(0),
            Action::NextWorst => self.worst(1),
            Action::PreviousWorst => self.worst(-1),
            Action::NextMetric => self.cycle_layer(1),
            Action::PreviousMetric => self.cycle_layer(-1),
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
            _ if action.spec().group == Group::Alarms => self.act_on_alarms(action),
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
                self.views.jobs.select(&self.snapshot.frame, by, slot);
                self.open(ViewKind::Jobs);
            }
            Command::Layer(layer) => self.set_layer(layer),
            Command::Time(moment) => self.go_to(moment),
            Command::Theme(name) => self.set_theme(&name),
            Command::Handle(deed, how) => self.handle(deed, how),
            Command::Operate(plan) => self.order(plan),
            Command::Filter(filter) => {
                self.views.alarms.set_filter(filter);
                self.open(ViewKind::Alarms);
            }
            Command::Bookmark(time, text) => self.bookmark(time, text),
            Command::Incident(title, span) => self.mark_incident(title, span),
            Command::ShowIncident(incident) => self.show_incident(&incident),
            Command::Clip(incident, anonymous) => self.clip(incident, anonymous),
            Command::Quit => self.requests.push(Request::Quit),
        }
    }

    pub(super) fn open(&mut self, view: ViewKind) {
        self.nav.open(view, &self.selection);
        self.set_title();
    }

    /// Selects an asset and shows it.
    pub(super) fn go(&mut self, asset: Asset) {
        let topology = Arc::clone(&self.snapshot.frame.topology);
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
            | ViewKind::Jobs
            | ViewKind::Alarms
            | ViewKind::Points => self.nav.last_map(),
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
        let topology = &self.snapshot.frame.topology;
        let names = self.names.get_or_insert_with(|| Arc::new(Index::new(topology)));
        let names = Arc::clone(names);
        self.overlay = Some(Overlay::Palette(Box::new(Palette::new(&self.context(), names))));
    }

    /// Shows another metric.
    pub fn set_metric(&mut self, metric: Metric) {
        self.set_layer(Layer::Gpu(metric));
    }

    /// Shows another metric, or a value of racks on the maps.
    pub fn set_layer(&mut self, layer: Layer) {
        match layer {
            Layer::Gpu(metric) => (self.choice.metric, self.choice.rack) = (metric, None),
            Layer::Rack(rack) => self.choice.rack = Some(rack),
        }
    }

    /// What a key steps through: the metrics, and on maps those values of racks that are reported.
    fn layers(&self) -> Vec<Layer> {
        let gpus = Metric::ON_KEYS.into_iter().map(Layer::Gpu);
        if !Views::HEAT.contains(self.nav.view()) {
            return gpus.collect();
        }
        let racks = RackLayer::ALL.into_iter().filter(|r| r.is_reported(&self.snapshot.frame));
        gpus.chain(racks.map(Layer::Rack)).collect()
    }

    /// The layer so many places further, round and round.
    fn cycle_layer(&mut self, by: i64) {
        let all = self.layers();
        let shown = self.shown_layer();
        let at = all.iter().position(|l| *l == shown);
        let to = at.map_or(0, |i| (i as i64 + by).rem_euclid(all.len() as i64) as usize);
        self.set_layer(all[to]);
    }

    /// The layer that is on the screen: maps alone show values of racks.
    fn shown_layer(&self) -> Layer {
        if Views::HEAT.contains(self.nav.view()) {
            self.choice.layer()
        } else {
            Layer::Gpu(self.choice.metric)
        }
    }

    /// The worst GPU or rack of the site on the site view, of the hall elsewhere. Goes from the site
    /// into the hall, so that it is seen. With a `step` the one so many places further in the list,
    /// round and round.
    fn worst(&mut self, step: i64) {
        let topology = Arc::clone(&self.snapshot.frame.topology);
        let layer = ranking::ordered(self.shown_layer());
        let at_site = self.nav.view() == ViewKind::Site;
        let scope = if at_site {
            Asset::Site
        } else {
            self.selection.hall(&topology).map_or(Asset::Site, Asset::Hall)
        };
        let list = ranking::worst(&self.snapshot.frame, scope, layer, ranking::LINES);
        let selected = match layer {
            Layer::Gpu(_) => self.selection.gpu(&topology).map(Asset::Gpu),
            Layer::Rack(_) => self.selection.rack(&topology).map(Asset::Rack),
        };
        let here = list.iter().position(|(asset, _)| Some(*asset) == selected).filter(|_| step != 0);
        let place = here.map_or(0, |i| (i as i64 + step).rem_euclid(list.len() as i64) as usize);
        let Some((asset, value)) = list.get(place).copied() else {
            let (what, label, site) = match layer {
                Layer::Gpu(m) => ("GPU", m.spec().label, topology.name(scope)),
                Layer::Rack(r) => ("rack", r.spec().label, topology.name(scope)),
            };
            return self.say(format!("no {what} of {site} has a good value of {label}"));
        };
        self.selection.select(&topology, asset);
        if at_site {
            self.open(ViewKind::Hall);
        }
        let value = match layer {
            Layer::Gpu(metric) => text::value(metric, value.into()),
            Layer::Rack(rack) => rack.text(value),
        };
        self.say(format!(
            "{} of the worst {} in {}: {} {value}",
            place + 1,
            layer.label(),
            topology.name(scope),
            topology.name(asset)
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
            let name = self.snapshot.frame.topology.full_name(asset);
            if values { format!("{name}{}", self.values(asset)) } else { name }
        });
        self.say(format!("copy: {copied}"));
        self.requests.push(Request::Copy(copied));
    }

    /// All quantities of an asset, tab separated: values of a GPU, means of anything larger, and what
    /// its plant reports.
    fn values(&self, asset: Asset) -> String {
        let mut out = format!("\t{}", self.snapshot.frame.time);
        for metric in Metric::ALL {
            let value = match asset {
                Asset::Gpu(gpu) => self.snapshot.frame.value(gpu, metric),
                _ => self.snapshot.frame.stats(asset, metric).map(|s| s.mean),
            };
            let value = value.map_or("-".into(), |v| text::value(metric, v.into()));
            out.push_str(&format!("\t{} {value}", metric.spec().name));
        }
        for quantity in Quantity::all() {
            let signal = match quantity {
                Quantity::Site(p) => Signal::Site(p),
                Quantity::Hall(p) => Signal::Hall(p),
                Quantity::Row(p) => Signal::Row(p),
                Quantity::Rack(p) => Signal::Rack(p),
                Quantity::Cdu(p) => Signal::Cdu(p),
                _ => continue,
            };
            if let Some(value) = self.snapshot.frame.facility.signal(asset, signal) {
                out.push_str(&format!("\t{} {} {}", quantity.name(), value, quantity.unit()));
            }
        }
        out
    }

    /// The words for a distance in time from the newest frame.
    pub(super) fn behind(&self) -> String {
        time::distance(self.live.frame.time.since(self.snapshot.frame.time))
    }

    /// True when the action can be done in the present view.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        Views::contains(action.spec().views, self.nav.view())
    }
}
