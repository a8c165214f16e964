//! The values that queries can ask for, beyond those that are reported.

use crate::model::alarm::rule::Scope;
use crate::model::{Health, Quality, Quantity, text};

/// One value of one kind of asset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Reported.
    Known(Quantity),
    /// The XID that a GPU has reported since it was first seen, 0 for none: the reported one is
    /// sticky, so that only its change is news. XID 154 names an action, not a cause, and does not
    /// take the place of the code before it.
    XidEvent,
    /// Seconds since that.
    XidAge,
    /// Quality of the values of a GPU.
    Quality,
    /// The tray answers, 0 or 1.
    Answers,
    /// Place of the tray in its rack, from 1.
    TrayNumber,
    /// Flow that a rack needs for its power at its supply temperature, LPM.
    FlowNeeded,
    /// Flow that a rack needs for its power at the supply temperature that loops are designed for, LPM.
    FlowDesign,
    /// Heat into the coolant as a share of what belongs there at the rack's power, %.
    HeatBalance,
    /// Power shelves that the rack was built with.
    Shelves,
    /// Switch trays that the rack was built with.
    Switches,
    /// GPUs of a job.
    JobGpus,
    /// Mean utilization of a job, %.
    JobUtil,
    /// GPUs of a job whose clock lies far below that of the others.
    JobStragglers,
    /// What a job is doing.
    JobState,
}

/// The fields that are no [`Quantity`]: name, field, unit, explanation.
pub const WORKED_OUT: [(&str, Field, &str, &str); 15] = [
    ("gpu_xid_event", Field::XidEvent, "", "XID that came up since the GPU was first seen; 0 = none"),
    ("gpu_xid_age", Field::XidAge, "s", "time since that XID came up"),
    ("gpu_quality", Field::Quality, "", "good, stale, lost or unsupported"),
    ("tray_answers", Field::Answers, "", "1 while the tray answers"),
    ("tray_number", Field::TrayNumber, "", "place in the rack, from 1"),
    ("rack_flow_needed", Field::FlowNeeded, "LPM", "flow that the rack needs for its power and supply"),
    ("rack_flow_design", Field::FlowDesign, "LPM", "flow that the rack needs for its power at 32 °C"),
    ("rack_heat_balance", Field::HeatBalance, "%", "heat into the coolant by what belongs there"),
    ("rack_shelves", Field::Shelves, "", "power shelves that it was built with"),
    ("rack_switches", Field::Switches, "", "switch trays that it was built with"),
    ("job_gpus", Field::JobGpus, "", "GPUs that it holds"),
    ("job_util", Field::JobUtil, "%", "mean utilization"),
    (
        "job_stragglers",
        Field::JobStragglers,
        "",
        "GPUs whose clock is below 85 % of its median without a reason of their own",
    ),
    ("job_state", Field::JobState, "", "unknown, running, checkpoint, restarting, stalled or draining"),
    ("gpu_age", Field::Known(Quantity::Gpu(crate::model::Metric::Age)), "s", "age of the newest value"),
];

/// Words for the states of jobs, in the order of [`crate::model::batch::JobState`].
pub const JOB_STATES: [&str; 6] = ["unknown", "running", "checkpoint", "restarting", "stalled", "draining"];

impl Field {
    /// What has it.
    #[must_use]
    pub const fn level(self) -> Scope {
        match self {
            Self::Known(Quantity::Gpu(_) | Quantity::Event(_) | Quantity::Lost)
            | Self::XidEvent
            | Self::XidAge
            | Self::Quality => Scope::Gpu,
            Self::Answers | Self::TrayNumber => Scope::Tray,
            Self::Known(Quantity::Rack(_))
            | Self::FlowNeeded
            | Self::FlowDesign
            | Self::HeatBalance
            | Self::Shelves
            | Self::Switches => Scope::Rack,
            Self::Known(Quantity::Cdu(_)) => Scope::Cdu,
            Self::Known(Quantity::Row(_)) => Scope::Row,
            Self::Known(Quantity::Hall(_)) => Scope::Hall,
            Self::Known(Quantity::Site(_)) => Scope::Site,
            Self::JobGpus | Self::JobUtil | Self::JobStragglers | Self::JobState => Scope::Job,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        match (self, WORKED_OUT.iter().find(|(_, f, ..)| *f == self)) {
            (_, Some((name, ..))) => (*name).to_owned(),
            (Self::Known(q), None) => q.name(),
            _ => String::new(),
        }
    }

    /// Its unit; empty for none.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Known(q) => q.unit(),
            _ => WORKED_OUT.iter().find(|(_, f, ..)| *f == self).map_or("", |(_, _, unit, _)| unit),
        }
    }

    /// The words that stand for numbers in it, in the order of the numbers; empty for none.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        use crate::model::Metric;
        match self {
            Self::Quality => Quality::ALL.iter().map(|q| q.name()).collect(),
            Self::JobState => JOB_STATES.to_vec(),
            Self::Known(Quantity::Gpu(Metric::Health)) => Health::ALL.iter().map(|h| h.name()).collect(),
            Self::Known(Quantity::Gpu(Metric::Fabric)) => {
                vec!["unsupported", "healthy", "unhealthy", "limited"]
            }
            _ => Vec::new(),
        }
    }

    /// The field called `name`; `gpu_` may be left out.
    ///
    /// # Errors
    /// Names the nearest one.
    pub fn parse(name: &str) -> Result<Self, String> {
        let of = |name: &str| {
            let own = WORKED_OUT.iter().find(|(n, ..)| *n == name).map(|(_, f, ..)| *f);
            own.or_else(|| Quantity::parse(name).ok().map(Self::Known))
        };
        if let Some(found) = of(name).or_else(|| of(&format!("gpu_{name}"))) {
            return Ok(found);
        }
        let mut names: Vec<String> = WORKED_OUT.iter().map(|(n, ..)| (*n).to_owned()).collect();
        names.extend(Quantity::all().into_iter().map(Quantity::name));
        // Whoever leaves out `gpu_` may still misspell the rest.
        let short: Vec<&str> = names.iter().filter_map(|n| n.strip_prefix("gpu_")).collect();
        let near = text::nearest(name, names.iter().map(String::as_str).chain(short.iter().copied()));
        match near {
            Some(near) => {
                let full = if short.contains(&near) { format!("gpu_{near}") } else { near.to_owned() };
                Err(format!("no value is called `{}`: did you mean `{full}`?", text::clean(name)))
            }
            None => Err(Quantity::parse(name).err().unwrap_or_default()),
        }
    }
}
