//! The lanes of the timeline: one value per column. What was known of a column once is kept, as the
//! history of a moment of a recording ends with it.

use std::collections::HashSet;

use crate::fleet::series::{Point, Signal};
use crate::fleet::{Frame, History};
use crate::model::chronicle::HappeningKind;
use crate::model::metric::Kind;
use crate::model::{Asset, Metric, Timestamp};
use crate::ui::action::ViewKind;
use crate::ui::context::Context;
use crate::ui::timeline::Window;
use crate::ui::timeline::events::Events;
use crate::ui::view::map::range;

/// So many times as many points as there are columns are worth looking up.
const MOST_POINTS: usize = 16;

/// What the lanes are of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    window: Window,
    asset: Asset,
    metric: Metric,
    generation: u32,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Lanes {
    key: Option<Key>,
    /// The moment that was last looked at.
    seen: Option<(Timestamp, Timestamp)>,
    /// Alarms that stood at most.
    pub alarms: Vec<Option<f32>>,
    /// The metric.
    pub metric: Vec<Option<f32>>,
    /// Words and scale of the metric.
    pub label: &'static str,
    /// Ends of the scale of the metric.
    pub range: (f32, f32),
    /// Power, MW.
    pub power: Vec<Option<f32>>,
    /// Temperature, °C.
    pub temperature: Vec<Option<f32>>,
    /// True when the temperature is the highest of many GPUs, not their mean.
    pub highest: bool,
}

impl Lanes {
    /// Brings the lanes to a window.
    pub fn update(&mut self, cx: &Context<'_>, view: ViewKind, window: Window, events: &Events) {
        let asset = subject(cx, view);
        let metric = followed(cx.choice.metric);
        let key = Key { window, asset, metric, generation: cx.topology().generation() };
        let seen = (cx.frame.time, cx.then.live.frame.time);
        self.alarms = standing(events, window, cx.then.reach);
        if self.key == Some(key) && self.seen == Some(seen) {
            return;
        }
        if self.key != Some(key) {
            let blank = vec![None; window.columns];
            (self.metric, self.power, self.temperature) = (blank.clone(), blank.clone(), blank);
            self.key = Some(key);
        }
        self.seen = Some(seen);
        self.label = metric.spec().label;
        self.range = range(cx, crate::ui::layer::Layer::Gpu(metric)).unwrap_or(metric.spec().range);
        self.highest = !matches!(asset, Asset::Site | Asset::Hall(_));
        let hall = match asset {
            Asset::Site | Asset::Hall(_) => asset,
            _ => cx.selection.hall(cx.topology()).map_or(Asset::Site, Asset::Hall),
        };
        let live = &cx.then.live;
        let both = [(&cx.snapshot.history, cx.frame), (&live.history, &live.frame)];
        // In the present they are the same.
        let from = usize::from(std::sync::Arc::ptr_eq(cx.frame, &live.frame));
        for (history, frame) in &both[from..] {
            let past = Past { history, frame, window };
            past.fill(&mut self.metric, asset, Signal::Mean(metric), |p| p.mean);
            let highest = self.highest;
            past.fill(&mut self.temperature, asset, Signal::Mean(Metric::Temp), |p| {
                if highest { p.max } else { p.mean }
            });
            past.fill(&mut self.power, hall, Signal::PowerSum, |p| p.mean / 1e6);
        }
    }
}

/// A history that ends with a frame.
struct Past<'a> {
    history: &'a History,
    frame: &'a Frame,
    window: Window,
}

impl Past<'_> {
    /// Fills in what it knows.
    fn fill(&self, out: &mut [Option<f32>], asset: Asset, signal: Signal, value: impl Fn(Point) -> f32) {
        let Window { from, ms, columns } = self.window;
        let end = self.frame.time.plus_millis(1000);
        let length = end.since(from);
        if length <= 0 || columns == 0 || ms <= 0 {
            return;
        }
        // As many points as make each as long as a column, the first one in the first column.
        let points = (length as u128 * columns as u128).div_ceil(ms as u128) as usize;
        if points > MOST_POINTS * columns {
            return;
        }
        let window = ((i128::from(ms) * points as i128 / columns as i128) as i64, points);
        let found = match signal {
            Signal::Mean(metric) => self.history.series(self.frame, asset, metric, window),
            _ => self.history.signal(self.frame, asset, signal, window),
        };
        // The last point ends with the frame, so the first may begin a little before the window.
        for (slot, point) in out.iter_mut().zip(found) {
            *slot = point.map(&value).or(*slot);
        }
    }
}

/// What the lanes are about: the place that is selected in the view.
fn subject(cx: &Context<'_>, view: ViewKind) -> Asset {
    let (t, s) = (cx.topology(), cx.selection);
    match view {
        ViewKind::Hall => s.hall(t).map(Asset::Hall),
        ViewKind::Rack | ViewKind::Power | ViewKind::Cooling => s.rack(t).map(Asset::Rack),
        ViewKind::Gpu => s.gpu(t).map(Asset::Gpu),
        _ => None,
    }
    .unwrap_or(Asset::Site)
}

/// The metric, or utilization where it has no course: a job is no quantity.
fn followed(metric: Metric) -> Metric {
    if metric.spec().kind == Kind::Quantity && metric != Metric::Age { metric } else { Metric::Util }
}

/// How many alarms stood in each column, at most; `None` where nothing is known.
fn standing(events: &Events, window: Window, reach: Option<(Timestamp, Timestamp)>) -> Vec<Option<f32>> {
    let Some((first, last)) = reach else { return vec![None; window.columns] };
    let mut stand = HashSet::new();
    let before = events.before() as usize;
    let mut next = events.all().iter().peekable();
    let mut out = Vec::with_capacity(window.columns);
    for column in 0..window.columns {
        let (start, end) = (window.time(column), window.time(column + 1));
        let mut most = 0;
        while let Some(event) = next.next_if(|e| e.time < end) {
            if event.time >= start {
                most = most.max(stand.len());
            }
            match event.kind {
                HappeningKind::Raised => _ = stand.insert(event.alarm),
                HappeningKind::Cleared => _ = stand.remove(&event.alarm),
                _ => {}
            }
        }
        let known = end > first && start <= last;
        out.push(known.then(|| (before + most.max(stand.len())) as f32));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::alarm::{AlarmBoard, AlarmId};
    use crate::model::chronicle::{Chronicle, Happening};

    #[test]
    fn each_column_has_the_most_alarms_that_stood_in_it() {
        let event = |second, alarm, kind| Happening {
            time: Timestamp::from_secs(second),
            kind,
            priority: 2,
            alarm: AlarmId(alarm),
            text: "x".into(),
        };
        let events = [
            event(2, 1, HappeningKind::Raised),
            event(12, 2, HappeningKind::Raised),
            event(14, 1, HappeningKind::Cleared),
            event(16, 2, HappeningKind::Cleared),
            event(31, 1, HappeningKind::Raised),
        ];
        let chronicle = Chronicle { events: Arc::from(events), ..Chronicle::default() };
        let cx = Events::of(&chronicle, &AlarmBoard::default());
        let window = Window { from: Timestamp::from_secs(0), ms: 50_000, columns: 5 };
        let reach = Some((Timestamp::from_secs(0), Timestamp::from_secs(35)));
        let want = [Some(1.0), Some(2.0), Some(0.0), Some(1.0), None];
        assert_eq!(standing(&cx, window, reach), want);
        assert_eq!(standing(&cx, window, None), [None; 5]);
    }

    #[test]
    fn what_is_no_quantity_gives_way_to_utilization() {
        assert_eq!(followed(Metric::Temp), Metric::Temp);
        assert_eq!(followed(Metric::Job), Metric::Util);
        assert_eq!(followed(Metric::Age), Metric::Util);
    }
}
