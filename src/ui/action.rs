//! Every action of the console, declared once: id, name, doc, group and the views that have it.
//! Keymap, help, palette, command line and README derive from this table.

use std::fmt;

use crate::model::{Metric, text};

/// The views.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum ViewKind {
    /// All halls.
    #[default]
    Site,
    /// One hall.
    Hall,
    /// One rack.
    Rack,
    /// One GPU.
    Gpu,
    /// Power, from the feeds to the racks.
    Power,
    /// Coolant, from the facility water to the racks.
    Cooling,
    /// The grid: contract, frequency, targets, battery, price.
    Grid,
    /// Sources and targets.
    Sources,
    /// The console itself.
    Status,
    /// Jobs and tenants.
    Jobs,
    /// Alarms.
    Alarms,
    /// Points of the facility bus.
    Points,
}

impl ViewKind {
    /// All views, from the whole to the part.
    pub const ALL: [Self; 12] = [
        Self::Site,
        Self::Hall,
        Self::Rack,
        Self::Gpu,
        Self::Power,
        Self::Cooling,
        Self::Grid,
        Self::Sources,
        Self::Status,
        Self::Jobs,
        Self::Alarms,
        Self::Points,
    ];

    /// Word in commands, help and header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Hall => "hall",
            Self::Rack => "rack",
            Self::Gpu => "gpu",
            Self::Power => "power",
            Self::Cooling => "cooling",
            Self::Grid => "grid",
            Self::Sources => "sources",
            Self::Status => "status",
            Self::Jobs => "jobs",
            Self::Alarms => "alarms",
            Self::Points => "points",
        }
    }
}

/// A set of views.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Views(u16);

impl Views {
    /// Every view.
    pub const ALL: Self = Self::of(&ViewKind::ALL);
    /// Views of the facility: site, hall, rack, GPU.
    pub const MAPS: Self = Self::of(&[ViewKind::Site, ViewKind::Hall, ViewKind::Rack, ViewKind::Gpu]);
    /// Views of the plant around the GPUs: power, cooling, grid.
    pub const PLANT: Self = Self::of(&[ViewKind::Power, ViewKind::Cooling, ViewKind::Grid]);
    /// Views of lists and figures: sources, status, jobs, alarms, points.
    pub const LISTS: Self =
        Self::of(&[ViewKind::Sources, ViewKind::Status, ViewKind::Jobs, ViewKind::Alarms, ViewKind::Points]);
    /// Views with a heatmap: site and hall.
    pub const HEAT: Self = Self::of(&[ViewKind::Site, ViewKind::Hall]);
    /// Views whose map, charts or details can be zoomed: site, hall, GPU, those of the plant, alarms.
    pub const ZOOM: Self =
        Self::of(&[ViewKind::Site, ViewKind::Hall, ViewKind::Gpu, ViewKind::Alarms]).or(Self::PLANT);
    /// Views with a GPU cursor: hall, rack, GPU.
    pub const CURSOR: Self = Self::of(&[ViewKind::Hall, ViewKind::Rack, ViewKind::Gpu]);
    /// Views in which one goes from rack to rack: those of the facility, power and cooling.
    pub const RACKS: Self = Self::MAPS.or(Self::of(&[ViewKind::Power, ViewKind::Cooling]));
    /// The view of jobs and tenants alone.
    pub const JOBS: Self = Self::of(&[ViewKind::Jobs]);
    /// The view of alarms alone.
    pub const ALARMS: Self = Self::of(&[ViewKind::Alarms]);
    /// Views with tabs: jobs, alarms, and sources (targets, halls).
    pub const TABS: Self = Self::JOBS.or(Self::ALARMS).or(Self::of(&[ViewKind::Sources]));
    /// Views in which alarms are handled: where one of them, or a place, is selected.
    pub const HANDLED: Self = Self::RACKS.or(Self::ALARMS);
    /// Views that cycle through the metrics: all but jobs, where the key leads to the map.
    pub const CYCLE: Self = Self(Self::ALL.0 & !Self::JOBS.0);

    /// The set of these views.
    #[must_use]
    pub const fn of(views: &[ViewKind]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < views.len() {
            bits |= 1 << views[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// True when `view` is in the set.
    #[must_use]
    pub const fn contains(self, view: ViewKind) -> bool {
        self.0 & (1 << view as u16) != 0
    }

    /// Views in either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Views in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// True when the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The views of the set.
    pub fn iter(self) -> impl Iterator<Item = ViewKind> {
        ViewKind::ALL.into_iter().filter(move |v| self.contains(*v))
    }
}

/// Heading under which help lists an action.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// Works everywhere.
    General,
    /// Moves the cursor.
    Move,
    /// Chooses what is shown.
    Show,
    /// Moves in time.
    Time,
    /// Handles alarms.
    Alarms,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Self; 5] = [Self::General, Self::Move, Self::Show, Self::Time, Self::Alarms];

    /// Heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::General => "General",
            Self::Move => "Move",
            Self::Show => "Show",
            Self::Time => "Time",
            Self::Alarms => "Alarms",
        }
    }
}

/// Everything fixed about an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActionSpec {
    /// Id in keymap files and on the command line.
    pub id: &'static str,
    /// A word or two for hints.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Heading in help.
    pub group: Group,
    /// The views that have it.
    pub views: Views,
}

macro_rules! actions {
    ($($group:ident { $($variant:ident = ($id:literal, $name:literal, $doc:literal, $views:ident)),+ $(,)? })+) => {
        /// Something that the operator can tell the console to do.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Action { $($(#[doc = $doc] $variant),+),+ }

        impl Action {
            /// All actions, in the order of the help.
            pub const ALL: &'static [Self] = &[$($(Self::$variant),+),+];

            /// Everything fixed about the action.
            #[must_use]
            pub const fn spec(self) -> ActionSpec {
                match self {
                    $($(Self::$variant => ActionSpec {
                        id: $id, name: $name, doc: $doc, group: Group::$group, views: Views::$views,
                    }),+),+
                }
            }
        }
    };
}

actions! {
    General {
        Help = ("help", "help", "show the keys of this view", ALL),
        CommandLine = ("command-line", "command", "type a command", ALL),
        Find = ("find", "find", "find a hall, row, rack, host, GPU, job, tenant, view, metric or command", ALL),
        Open = ("open", "open", "go into what is selected", ALL),
        Back = ("back", "back", "leave a window, or go out one level", ALL),
        Home = ("home", "site", "show the whole site", ALL),
        Power = ("power", "power", "show power: feeds, halls, rows, racks, both sides", ALL),
        Cooling = ("cooling", "cooling", "show the coolant loops: CDUs, rows, racks", ALL),
        Grid = ("grid", "grid", "show the grid: contract, frequency, targets, battery, price", ALL),
        Sources = ("sources", "sources", "show sources and targets", ALL),
        Points = ("points", "bus points", "show every point of the facility bus around the selected rack", ALL),
        Jobs = ("jobs", "jobs", "show jobs and tenants", ALL),
        Alarms = ("alarms", "alarms", "show all alarms", ALL),
        Status = ("status", "status", "show the state of the console: memory, history, terminal", ALL),
        LastView = ("last-view", "last view", "switch to the view before this one", ALL),
        HistoryBack = ("history-back", "view back", "go back through the views seen", ALL),
        HistoryForward = ("history-forward", "view forward", "go forward through the views seen", ALL),
        CopyName = ("copy-name", "copy name", "copy the name of what is selected", ALL),
        CopyRow = ("copy-values", "copy values", "copy name and values of what is selected", ALL),
        Redraw = ("redraw", "redraw", "draw the whole screen again", ALL),
        Reload = ("reload", "reload", "read configuration and themes again", ALL),
        ToggleMouse = ("toggle-mouse", "mouse", "let the console or the terminal have the mouse", ALL),
        Suspend = ("suspend", "suspend", "stop the console until the shell continues it", ALL),
        Quit = ("quit", "quit", "close the view; at the site, quit after asking", ALL),
        QuitNow = ("quit-now", "quit now", "quit at once", ALL),
    }
    Move {
        Left = ("left", "left", "move left", ALL),
        Down = ("down", "down", "move down", ALL),
        Up = ("up", "up", "move up", ALL),
        Right = ("right", "right", "move right", ALL),
        RackLeft = ("rack-left", "rack left", "move one rack to the left (a row on power and cooling, a hall on the site)", RACKS),
        RackDown = ("rack-down", "rack down", "move one row of racks down (to the next hall on power and cooling)", RACKS),
        RackUp = ("rack-up", "rack up", "move one row of racks up (to the hall before on power and cooling)", RACKS),
        RackRight = ("rack-right", "rack right", "move one rack to the right (a row on power and cooling, a hall on the site)", RACKS),
        First = ("first", "first", "go to the first", ALL),
        Last = ("last", "last", "go to the last", ALL),
        HalfUp = ("half-page-up", "half page up", "move half a page up", ALL),
        HalfDown = ("half-page-down", "half page down", "move half a page down", ALL),
        PageUp = ("page-up", "page up", "move a page up", ALL),
        PageDown = ("page-down", "page down", "move a page down", ALL),
        Worst = ("worst", "worst", "go to the GPU with the worst value of the metric", MAPS),
        NextWorst = ("next-worst", "next worst", "go to the next GPU of the list of the worst", MAPS),
        PreviousWorst = ("previous-worst", "previous worst", "go to the GPU before in the list of the worst", MAPS),
    }
    Show {
        MetricUtil = ("metric-util", "util", "show utilization", ALL),
        MetricPower = ("metric-power", "power", "show power", ALL),
        MetricTemp = ("metric-temp", "temp", "show core temperature", ALL),
        MetricMemory = ("metric-memory", "memory", "show memory in use", ALL),
        MetricClock = ("metric-clock", "clock", "show SM clock", ALL),
        MetricHealth = ("metric-health", "health", "show health", ALL),
        MetricTenant = ("metric-tenant", "tenant", "show tenants", ALL),
        MetricJob = ("metric-job", "job", "show jobs", ALL),
        MetricAge = ("metric-age", "age", "show the age of values", ALL),
        NextMetric = ("next-metric", "metric", "show the next metric", CYCLE),
        PreviousMetric = ("previous-metric", "metric back", "show the previous metric", CYCLE),
        OnMap = ("on-map", "on map", "show the job on the map of the site or of its hall", JOBS),
        NextTab = ("next-tab", "next tab", "show the next tab", TABS),
        PreviousTab = ("previous-tab", "tab back", "show the tab before", TABS),
        SortNext = ("sort", "sort", "sort by the next column", JOBS),
        SortReverse = ("sort-reverse", "reverse", "turn the order round", JOBS),
        ZoomOut = ("zoom-out", "zoom out", "see more at once: a wider map, a longer time", ZOOM),
        ZoomIn = ("zoom-in", "zoom in", "see more detail: a closer map, a shorter time", ZOOM),
        ZoomCycle = ("zoom-cycle", "zoom", "step through the zoom levels", ZOOM),
        ColorMode = ("color-mode", "colours", "step through the colour modes of the heatmap", ALL),
        Theme = ("theme", "theme", "step through the themes", ALL),
    }
    Time {
        Pause = ("pause", "pause", "hold the picture or follow the present again; in the past play, or stop", ALL),
        FrameBack = ("frame-back", "frame back", "one frame back in time", ALL),
        FrameForward = ("frame-forward", "frame forward", "one frame forward in time", ALL),
        TenBack = ("10s-back", "10 s back", "ten seconds back in time", ALL),
        TenForward = ("10s-forward", "10 s forward", "ten seconds forward in time", ALL),
        MinuteBack = ("minute-back", "1 min back", "one minute back in time", ALL),
        MinuteForward = ("minute-forward", "1 min forward", "one minute forward in time", ALL),
        Slower = ("slower", "slower", "play slower: 1000, 300, 60, 16, 8, 4, 2, 1, 1/2, 1/4 times", ALL),
        Faster = ("faster", "faster", "play faster: 1/4, 1/2, 1, 2, 4, 8, 16, 60, 300, 1000 times", ALL),
        EventBack = ("event-back", "event back", "go to the event before in time", ALL),
        EventForward = ("event-forward", "next event", "go to the next event in time", ALL),
        RaisedBack = ("raised-back", "raised back", "go back in time to where an alarm was raised; with the timeline open also previous-alarm", ALL),
        RaisedForward = ("raised-forward", "next raised", "go to where the next alarm in time was raised; with the timeline open also next-alarm", ALL),
        GoToTime = ("go-to-time", "go to time", "show a moment: 03:11, -5m, yesterday 14:00, 2026-11-22 03:11, 50%, alarm 18842, now", ALL),
        Live = ("live", "LIVE", "return to the present", ALL),
        Timeline = ("timeline", "timeline", "open or close the timeline; while open, left and right are 10 s, zoom is its window", ALL),
        ReplayAlarm = ("replay-alarm", "replay alarm", "show the minute before the selected alarm was raised, with the timeline", HANDLED),
        LoopStart = ("loop-start", "loop A", "set mark A of the loop here, or take it away", ALL),
        LoopEnd = ("loop-end", "loop B", "set mark B of the loop here, or take it away", ALL),
        Bookmark = ("bookmark", "bookmark", "mark the moment shown, with a note", ALL),
        MarkIncident = ("incident", "incident", "mark a stretch of time as an incident, to be kept", ALL),
        Incidents = ("incidents", "incidents", "list the incidents: go to one, export it", ALL),
        ExportClip = ("export-clip", "export clip", "write the loop, or the incident here, into a file of its own", ALL),
        ExportAnonymous = ("export-anonymous", "anonymous clip", "the same without names of hosts, jobs, tenants and operators", ALL),
        Difference = ("difference", "difference", "show on maps what changed since mark A, or 10 min before; again: off", ALL),
    }
    Alarms {
        NextAlarm = ("next-alarm", "next alarm", "go to the next alarm and its place; among alarms to the next unacknowledged one", ALL),
        PreviousAlarm = ("previous-alarm", "alarm back", "go to the alarm before and its place; among alarms to the unacknowledged one before", ALL),
        Acknowledge = ("ack", "ack", "acknowledge the marked or selected alarms, with a comment; the key a second time: without", HANDLED),
        AcknowledgeNow = ("ack-now", "ack at once", "acknowledge the marked or selected alarms without a comment", HANDLED),
        Shelve = ("shelve", "shelve", "put alarms aside for a time, with a reason", HANDLED),
        Unshelve = ("unshelve", "unshelve", "end the shelf of alarms", HANDLED),
        Comment = ("comment", "comment", "say something about alarms", HANDLED),
        Reset = ("reset", "reset", "reset latched alarms that went and were acknowledged", HANDLED),
        OutOfService = ("oos", "out of service", "take alarms out of service, with a reason", HANDLED),
        InService = ("service", "in service", "give alarms back to service", HANDLED),
        Undo = ("undo", "undo", "undo the last operation on alarms, within 10 s", ALL),
        MuteBell = ("mute-bell", "mute bell", "mute the bell for 10 minutes, or let it ring again", ALL),
        Mark = ("mark", "mark", "mark the alarm, or take the mark away", ALARMS),
        MarkRange = ("mark-range", "mark range", "begin a range of marks, and mark all up to here", ALARMS),
        MarkAll = ("mark-all", "mark all", "mark all alarms that are listed, or take all marks away", ALARMS),
        Filter = ("filter", "filter", "list only some alarms: prio<=2 hall:H3 state:unack rule:NAME is:chattering, words, -not", ALARMS),
    }
}

impl Action {
    /// Where a cursor at line `at` of a list goes, of which `page` lines are seen: not bounded by the
    /// end of the list. `None` when the action moves no cursor.
    #[must_use]
    pub fn walk(self, at: usize, page: usize) -> Option<usize> {
        let half = (page / 2).max(1);
        Some(match self {
            Self::Down => at + 1,
            Self::Up => at.saturating_sub(1),
            Self::HalfDown => at + half,
            Self::HalfUp => at.saturating_sub(half),
            Self::PageDown => at + page,
            Self::PageUp => at.saturating_sub(page),
            Self::First => 0,
            Self::Last => usize::MAX,
            _ => return None,
        })
    }

    /// The nine actions of the metric keys, in the order of [`Metric::ON_KEYS`].
    pub const METRICS: [Self; 9] = [
        Self::MetricUtil,
        Self::MetricPower,
        Self::MetricTemp,
        Self::MetricMemory,
        Self::MetricClock,
        Self::MetricHealth,
        Self::MetricTenant,
        Self::MetricJob,
        Self::MetricAge,
    ];

    /// The metric that the action shows, if that is what it does.
    #[must_use]
    pub fn metric(self) -> Option<Metric> {
        Self::METRICS.iter().position(|a| *a == self).map(|i| Metric::ON_KEYS[i])
    }

    /// The action called `id`.
    ///
    /// # Errors
    /// Names the nearest action.
    pub fn parse(id: &str) -> Result<Self, UnknownAction> {
        let found = Self::ALL.iter().copied().find(|a| a.spec().id == id);
        found.ok_or_else(|| UnknownAction {
            id: text::clean(id),
            nearest: text::nearest(id, Self::ALL.iter().map(|a| a.spec().id)),
        })
    }
}

/// No action has this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAction {
    id: String,
    nearest: Option<&'static str>,
}

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown action `{}`", self.id)?;
        self.nearest.map_or(Ok(()), |n| write!(f, ": did you mean `{n}`?"))
    }
}

impl std::error::Error for UnknownAction {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_and_lead_back_to_their_action() {
        let ids: HashSet<_> = Action::ALL.iter().map(|a| a.spec().id).collect();
        assert_eq!(ids.len(), Action::ALL.len());
        for a in Action::ALL {
            assert_eq!(Action::parse(a.spec().id), Ok(*a));
        }
    }

    #[test]
    fn every_action_has_words_and_a_view() {
        for a in Action::ALL {
            let s = a.spec();
            assert!(!s.name.is_empty() && s.doc.len() > s.name.len() / 2 && !s.views.is_empty(), "{}", s.id);
            assert!(
                s.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{}",
                s.id
            );
        }
    }

    #[test]
    fn an_unknown_id_names_the_nearest() {
        let e = Action::parse("pasue").expect_err("no such action");
        assert_eq!(e.to_string(), "unknown action `pasue`: did you mean `pause`?");
        assert_eq!(Action::parse("xyzzyxyzzy").map_err(|e| e.nearest), Err(None));
    }

    #[test]
    fn metric_actions_follow_the_metric_keys() {
        for (action, metric) in Action::METRICS.into_iter().zip(Metric::ON_KEYS) {
            assert_eq!(action.metric(), Some(metric));
        }
        assert_eq!(Action::Pause.metric(), None);
    }

    #[test]
    fn sets_of_views_hold_what_they_say() {
        assert_eq!(Views::ALL.iter().count(), ViewKind::ALL.len());
        assert!(Views::MAPS.and(Views::LISTS).is_empty());
        assert!(Views::CURSOR.contains(ViewKind::Gpu) && !Views::CURSOR.contains(ViewKind::Site));
        assert_eq!(Views::of(&[ViewKind::Status]).iter().collect::<Vec<_>>(), [ViewKind::Status]);
        assert!(Views::MAPS.or(Views::PLANT).or(Views::LISTS) == Views::ALL);
    }
}
