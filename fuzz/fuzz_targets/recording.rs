//! Any bytes as a recording: no panic, and an error that is safe to show.
//! Run: `fuzz/run recording`.
#![no_main]

use hallwatch::record::{Cursor, Recording};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("hallwatch-fuzz-{}.mcap", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder is writable");
    let Ok(recording) = Recording::open(&path) else { return };
    let frames = recording.frames();
    let mut cursor = Cursor::new(recording).expect("memory");
    let _ = cursor.step(0);
    for _ in 0..frames {
        match cursor.next() {
            Ok(Some(snapshot)) => assert_eq!(snapshot.trays.len(), snapshot.frame.topology.trays().len()),
            Ok(None) => break,
            Err(_) if !cursor.skip() => break,
            Err(_) => {}
        }
    }
});
