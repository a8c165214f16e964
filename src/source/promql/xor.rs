//! Prometheus' XOR chunks: times as differences of differences, values as what changed in their bits
//! (after Facebook's Gorilla; prometheus `tsdb/chunkenc/xor.go`).

/// The samples of one chunk; ends where the chunk ends, or where it makes no sense any more.
#[derive(Clone, Debug)]
pub struct Samples<'a> {
    bits: Bits<'a>,
    /// Samples that are still to come.
    left: u16,
    read: u16,
    time: i64,
    delta: i64,
    value: u64,
    leading: u32,
    trailing: u32,
    /// The chunk broke off.
    broken: bool,
}

impl<'a> Samples<'a> {
    /// Reads the bytes of a chunk of type XOR.
    #[must_use]
    pub fn new(chunk: &'a [u8]) -> Self {
        let (head, rest) = chunk.split_at(chunk.len().min(2));
        let left = <[u8; 2]>::try_from(head).map_or(0, u16::from_be_bytes);
        Self {
            bits: Bits { bytes: rest, held: 0, count: 0 },
            left,
            read: 0,
            time: 0,
            delta: 0,
            value: 0,
            leading: 0,
            trailing: 0,
            broken: head.len() < 2,
        }
    }

    /// True when samples that were promised could not be read.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        match self.read {
            0 => {
                self.time = self.bits.varint()?;
                self.value = self.bits.wide(64)?;
            }
            1 => {
                self.delta = self.bits.uvarint()? as i64;
                self.time = self.time.wrapping_add(self.delta);
                self.change()?;
            }
            _ => {
                self.delta = self.delta.wrapping_add(self.second_difference()?);
                self.time = self.time.wrapping_add(self.delta);
                self.change()?;
            }
        }
        self.read = self.read.saturating_add(1);
        Some(())
    }

    #[inline(always)]
    fn second_difference(&mut self) -> Option<i64> {
        let size = match self.bits.ones(4)? {
            0 => return Some(0),
            1 => 14,
            2 => 17,
            3 => 20,
            _ => return self.bits.wide(64).map(|raw| raw as i64),
        };
        let raw = self.bits.take(size)? as i64;
        Some(if raw > 1 << (size - 1) { raw - (1 << size) } else { raw })
    }

    /// What changed in the bits of the value.
    #[inline(always)]
    fn change(&mut self) -> Option<()> {
        match self.bits.ones(2)? {
            0 => return Some(()),
            1 => {}
            _ => {
                let sizes = self.bits.take(11)? as u32;
                self.leading = sizes >> 6;
                let meaning = match sizes & 63 {
                    0 => 64,
                    n => n,
                };
                self.trailing = 64_u32.checked_sub(self.leading + meaning)?;
            }
        }
        let meaning = 64 - self.leading - self.trailing;
        self.value ^= self.bits.wide(meaning)?.checked_shl(self.trailing)?;
        Some(())
    }
}

impl Iterator for Samples<'_> {
    /// Time (ms since the epoch) and value.
    type Item = (i64, f64);

    // Always inlined, like all below it, so that a loop has the chunk in registers: an hour of a large site is
    // 72 million samples. Left to itself the compiler calls half of it, with the chunk in memory.
    #[inline(always)]
    fn next(&mut self) -> Option<(i64, f64)> {
        self.left = self.left.checked_sub(1)?;
        if self.step().is_none() {
            (self.left, self.broken) = (0, true);
            return None;
        }
        Some((self.time, f64::from_bits(self.value)))
    }
}

/// Bits, highest first.
#[derive(Clone, Debug)]
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next `count` bits, in the high end. What is below them is what `bytes` begin with, or 0.
    held: u64,
    count: u32,
}

impl Bits<'_> {
    /// Makes sure that 56 bits are held, or all that are left.
    #[inline]
    fn refill(&mut self) {
        if let Some(next) = self.bytes.first_chunk() {
            self.held |= u64::from_be_bytes(*next) >> self.count;
            let whole = (63 - self.count) / 8;
            self.bytes = &self.bytes[whole as usize..];
            self.count += 8 * whole;
            return;
        }
        while let Some((first, rest)) = self.bytes.split_first().filter(|_| self.count <= 56) {
            self.bytes = rest;
            self.held |= u64::from(*first) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next `n` bits, at most 56.
    #[inline(always)]
    fn take(&mut self, n: u32) -> Option<u64> {
        if self.count < n {
            self.refill();
        }
        self.count = self.count.checked_sub(n)?;
        // In two steps, since n may be 0.
        let out = self.held >> 1 >> (63 - n);
        self.held <<= n;
        Some(out)
    }

    /// The next `n` bits, at most 64.
    #[inline(always)]
    fn wide(&mut self, n: u32) -> Option<u64> {
        if n <= 56 {
            return self.take(n);
        }
        let high = self.take(n - 32)?;
        Some(high << 32 | self.take(32)?)
    }

    /// How many ones come next, up to `most` (1 to 56); the 0 that ends fewer of them is taken, too.
    #[inline(always)]
    fn ones(&mut self, most: u32) -> Option<u32> {
        if self.count < most {
            self.refill();
        }
        let ones = self.held.leading_ones().min(most);
        self.take((ones + 1).min(most)).map(|_| ones)
    }

    fn uvarint(&mut self) -> Option<u64> {
        let mut out = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(8)?;
            out |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(out);
            }
        }
        None
    }

    fn varint(&mut self) -> Option<i64> {
        let raw = self.uvarint()?;
        Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes chunks as Prometheus does.
    #[derive(Default)]
    struct Writer {
        bits: Vec<bool>,
    }

    impl Writer {
        fn put(&mut self, value: u64, n: u32) {
            self.bits.extend((0..n).rev().map(|i| value >> i & 1 == 1));
        }

        fn uvarint(&mut self, mut value: u64) {
            while value >= 0x80 {
                self.put(value & 0x7f | 0x80, 8);
                value >>= 7;
            }
            self.put(value, 8);
        }

        fn second_difference(&mut self, dod: i64) {
            let fits = |n: u32| -((1_i64 << (n - 1)) - 1) <= dod && dod <= 1 << (n - 1);
            match dod {
                0 => self.put(0, 1),
                _ if fits(14) => {
                    self.put(0b10, 2);
                    self.put(dod as u64, 14);
                }
                _ if fits(17) => {
                    self.put(0b110, 3);
                    self.put(dod as u64, 17);
                }
                _ if fits(20) => {
                    self.put(0b1110, 4);
                    self.put(dod as u64, 20);
                }
                _ => {
                    self.put(0b1111, 4);
                    self.put(dod as u64, 64);
                }
            }
        }

        fn finish(self, count: u16) -> Vec<u8> {
            let mut out = count.to_be_bytes().to_vec();
            let byte = |b: &[bool]| (0..8).fold(0, |a, i| a << 1 | u8::from(b.get(i) == Some(&true)));
            out.extend(self.bits.chunks(8).map(byte));
            out
        }
    }

    fn encode(samples: &[(i64, f64)]) -> Vec<u8> {
        let mut w = Writer::default();
        let (mut time, mut delta, mut value) = (0_i64, 0_i64, 0_u64);
        // No window yet.
        let mut window: Option<(u32, u32)> = None;
        for (i, (t, v)) in samples.iter().enumerate() {
            let (new_delta, bits) = (t.wrapping_sub(time), v.to_bits());
            match i {
                0 => {
                    w.uvarint((*t << 1 ^ *t >> 63) as u64);
                    w.put(bits, 64);
                    (time, value) = (*t, bits);
                    continue;
                }
                1 => w.uvarint(new_delta as u64),
                _ => w.second_difference(new_delta.wrapping_sub(delta)),
            }
            let xor = bits ^ value;
            if xor == 0 {
                w.put(0, 1);
            } else {
                let (leading, trailing) = (xor.leading_zeros().min(31), xor.trailing_zeros());
                match window.filter(|(l, t)| leading >= *l && trailing >= *t) {
                    Some((l, t)) => {
                        w.put(0b10, 2);
                        w.put(xor >> t, 64 - l - t);
                    }
                    None => {
                        let meaning = 64 - leading - trailing;
                        w.put(0b11, 2);
                        w.put(u64::from(leading), 5);
                        w.put(u64::from(meaning & 63), 6);
                        w.put(xor >> trailing, meaning);
                        window = Some((leading, trailing));
                    }
                }
            }
            (time, delta, value) = (*t, new_delta, bits);
        }
        w.finish(samples.len() as u16)
    }

    fn same(a: &[(i64, f64)], b: &[(i64, f64)]) -> bool {
        let plain = |s: &[(i64, f64)]| s.iter().map(|(t, v)| (*t, v.to_bits())).collect::<Vec<_>>();
        plain(a) == plain(b)
    }

    #[test]
    fn samples_at_a_steady_pace_come_back() {
        let samples: Vec<_> =
            (0..120).map(|i| (1_795_427_505_000 + 15_000 * i, f64::from(80 + (i as i32 % 7)))).collect();
        let chunk = encode(&samples);
        assert!(chunk.len() < 400, "{}", chunk.len());
        assert!(same(&Samples::new(&chunk).collect::<Vec<_>>(), &samples));
    }

    #[test]
    fn a_chunk_that_breaks_off_says_so() {
        let samples: Vec<_> = (0..10).map(|i| (1_000 * i, i as f64)).collect();
        let chunk = encode(&samples);
        let mut read = Samples::new(&chunk[..chunk.len() - 3]);
        let got: Vec<_> = read.by_ref().collect();
        assert!(read.is_broken() && got.len() < 10 && same(&got, &samples[..got.len()]));
        assert!(Samples::new(&[]).is_broken() && !Samples::new(&[0, 0]).is_broken());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            steps in prop::collection::vec((prop_oneof![Just(15_000_i64), -600_000..6_000_000_i64, any::<i32>().prop_map(i64::from)],
                prop_oneof![any::<f64>(), (0..100_u8).prop_map(f64::from)]), 1..130),
            start in 0..2_000_000_000_000_i64,
        ) {
            let mut time = start;
            let samples: Vec<_> = steps.iter().map(|(step, v)| { time += step; (time, *v) }).collect();
            // The second time is written without a sign.
            prop_assume!(samples.len() < 2 || samples[1].0 >= samples[0].0);
            let chunk = encode(&samples);
            let mut read = Samples::new(&chunk);
            let got: Vec<_> = read.by_ref().collect();
            prop_assert!(!read.is_broken());
            prop_assert!(same(&got, &samples), "{:?} {:?}", got, samples);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let n = Samples::new(&bytes).count();
            prop_assert!(n <= usize::from(u16::MAX));
        }
    }
}
