//! Frames written and read back.

use proptest::prelude::*;

use super::*;
use crate::record::layout::Layout;
use crate::record::testing::Site;

fn encode(encoder: &mut FrameEncoder, site: &Site) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode((&site.frame, &site.answers), 1, &mut out).expect("memory");
    out
}

/// Reads messages in order, as a reader that goes from frame to frame.
fn decode_all(messages: &[Vec<u8>], like: &Frame) -> Vec<Seen> {
    let places = Layout::own().places();
    let mut decoder = FrameDecoder::new().expect("memory");
    let around = Around {
        places: &places,
        topology: &like.topology,
        jobs: &like.jobs,
        tenants: &like.tenants,
        previous: None,
    };
    let mut key = None;
    let mut out = Vec::new();
    for message in messages {
        let head = FrameHead::read(message).expect("a head");
        if head.key {
            key = decoder.key(message, &head, around);
        }
        let key = key.as_ref().expect("the first one is whole");
        out.push(decoder.frame((message, &head), key, around).expect("it comes back"));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn frames_come_back_bit_for_bit(seeds in prop::collection::vec(0u16..9, 1..25)) {
        let (mut site, mut encoder) = (Site::small(), FrameEncoder::new().expect("memory"));
        let mut messages = Vec::new();
        let mut live = Vec::new();
        for seed in seeds {
            site.tick(seed);
            messages.push(encode(&mut encoder, &site));
            live.push((Arc::clone(&site.frame), site.answers.clone()));
        }
        for (seen, (frame, answers)) in decode_all(&messages, &site.frame).iter().zip(&live) {
            prop_assert!((0..PLANES).all(|p| planes::bytes(&seen.frame, p) == planes::bytes(frame, p)));
            prop_assert_eq!((seen.frame.time, seen.frame.seq), (frame.time, frame.seq));
            prop_assert_eq!(&seen.answers[..], &answers[..]);
        }
    }

    #[test]
    fn a_damaged_message_is_refused_or_harmless(
        flips in prop::collection::vec((0usize..100_000, 0u8..8), 1..8), cut in 0usize..100_000
    ) {
        let (mut site, mut encoder) = (Site::small(), FrameEncoder::new().expect("memory"));
        site.tick(3);
        let first = encode(&mut encoder, &site);
        site.tick(4);
        let mut second = encode(&mut encoder, &site);
        for (at, bit) in flips {
            let n = second.len();
            second[at % n] ^= 1 << bit;
        }
        second.truncate(cut.max(1));
        let places = Layout::own().places();
        let f = &site.frame;
        let around = Around { places: &places, topology: &f.topology, jobs: &f.jobs, tenants: &f.tenants, previous: None };
        let mut decoder = FrameDecoder::new().expect("memory");
        let head = FrameHead::read(&first).expect("whole");
        let key = decoder.key(&first, &head, around).expect("whole");
        if let Some(head) = FrameHead::read(&second) {
            let _ = decoder.key(&second, &head, around);
            let _ = decoder.frame((&second, &head), &key, around);
        }
    }
}

#[test]
fn every_tenth_frame_is_whole_and_what_did_not_change_costs_nothing() {
    let (mut site, mut encoder) = (Site::small(), FrameEncoder::new().expect("memory"));
    let mut sizes = Vec::new();
    for i in 0..21 {
        site.tick(if i == 0 { 5 } else { 0 });
        let message = encode(&mut encoder, &site);
        let head = FrameHead::read(&message).expect("a head");
        assert_eq!(head.key, i % 10 == 0, "frame {i}");
        assert_eq!(head.key_at.0, Timestamp::from_secs(i / 10 * 10));
        sizes.push(message.len());
    }
    let directory = HEAD + (PLANES + 1) * ENTRY;
    assert!(sizes[1] - directory < (sizes[0] - directory) / 4, "{sizes:?}");
}

#[test]
fn a_frame_is_not_read_with_the_key_of_another() {
    let (mut site, mut encoder) = (Site::small(), FrameEncoder::new().expect("memory"));
    let messages: Vec<_> = (0..12)
        .map(|i| {
            site.tick(i);
            encode(&mut encoder, &site)
        })
        .collect();
    let places = Layout::own().places();
    let f = &site.frame;
    let around =
        Around { places: &places, topology: &f.topology, jobs: &f.jobs, tenants: &f.tenants, previous: None };
    let mut decoder = FrameDecoder::new().expect("memory");
    let head = FrameHead::read(&messages[0]).expect("a head");
    let key = decoder.key(&messages[0], &head, around).expect("whole");
    let last = FrameHead::read(&messages[11]).expect("a head");
    assert!(decoder.frame((&messages[11], &last), &key, around).is_none());
}

#[test]
fn another_version_or_too_many_planes_is_not_guessed_at() {
    let (mut site, mut encoder) = (Site::small(), FrameEncoder::new().expect("memory"));
    site.tick(1);
    let good = encode(&mut encoder, &site);
    let mut newer = good.clone();
    newer[0] = 2;
    let mut many = good.clone();
    many[2..4].copy_from_slice(&u16::MAX.to_le_bytes());
    assert!(FrameHead::read(&good).is_some());
    assert!(FrameHead::read(&newer).is_none() && FrameHead::read(&many).is_none());
    assert!(FrameHead::read(&[]).is_none());
}
