//! Requests of remote write: the first byte chooses the protocol, the rest is the message, uncompressed.
#![no_main]

use hallwatch::model::Timestamp;
use hallwatch::source::remote_write::intake::{Intake, Tally};
use hallwatch::source::remote_write::wire::{Bounds, Protocol, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, body)) = data.split_first() else { return };
    let protocol = if first & 1 == 0 { Protocol::V1 } else { Protocol::V2 };
    let mut intake = Intake::new(100, None);
    let mut tally = Tally::default();
    let now = Timestamp(1_800_000_000_000);
    let _ = read(protocol, body, &Bounds::default(), &mut |labels, points| {
        intake.take(labels, points, now, &mut tally);
    });
    assert!(intake.series() <= 100);
    intake.deliver(0, now);
});
