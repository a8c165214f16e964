//! Recordings: what the console showed, written down tick by tick, and read back as it was.
//!
//! The form on disk is prose first: `docs/recording-format.md`. A [`Writer`] makes one file, a
//! [`Recording`] reads one or a folder of them, a [`Cursor`] stands at one moment of it. The
//! [`flight`] recorder writes file after file within a disk budget, on a thread of its own.

pub mod anonymous;
pub mod chronicle;
pub mod clip;
pub mod cursor;
pub mod document;
pub mod error;
pub mod file;
pub mod flight;
pub mod frame;
pub mod layout;
pub mod marks;
pub mod recording;
pub mod scan;
pub mod site;
pub mod state;
pub mod tape;
pub mod writer;

pub use cursor::Cursor;
pub use error::RecordError;
pub use flight::FlightRecorder;
pub use recording::Recording;
pub use tape::RecordingTape;
pub use writer::Writer;

#[cfg(test)]
mod testing;

/// Version of the format that is written, and the highest that is read.
pub const VERSION: u32 = 1;
/// Name of the format in the container.
pub const PROFILE: &str = "hallwatch";

/// The channels of a recording.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Topic {
    /// All values of one tick.
    Frame,
    /// Alarms, and what happened to them.
    Alarms,
    /// Sources and their targets.
    Sources,
    /// Names of job and tenant slots.
    Names,
    /// Identity of GPUs, values of nodes.
    Inventory,
    /// Frames that could not be written.
    Gap,
    /// Bookmarks.
    Note,
    /// Means of a period.
    Period,
}

impl Topic {
    /// All channels, in the order of their numbers in files that are written here.
    pub const ALL: [Self; 8] = [
        Self::Frame,
        Self::Alarms,
        Self::Sources,
        Self::Names,
        Self::Inventory,
        Self::Gap,
        Self::Note,
        Self::Period,
    ];

    /// Name of the channel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "/frame",
            Self::Alarms => "/alarms",
            Self::Sources => "/sources",
            Self::Names => "/names",
            Self::Inventory => "/inventory",
            Self::Gap => "/gap",
            Self::Note => "/note",
            Self::Period => "/period",
        }
    }

    /// Form of its messages.
    #[must_use]
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Frame => "hallwatch-frame",
            Self::Period => "hallwatch-period",
            _ => "json-zstd",
        }
    }

    /// The channel of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Its bit in a set of channels.
    #[must_use]
    pub const fn bit(self) -> u16 {
        1 << self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_is_found_by_its_name_alone() {
        for topic in Topic::ALL {
            assert_eq!(Topic::of(topic.name()), Some(topic));
            assert_eq!(topic.bit().count_ones(), 1);
        }
        assert_eq!(Topic::of("/frames"), None);
    }
}
