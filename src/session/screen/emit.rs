//! From changed cells to bytes: cells in the order of their styles, the shortest cursor movements,
//! and no more of SGR than what changes.

use ratatui::style::Modifier;

use super::cell::{Clusters, Packed, Paint, Shade};

/// The colours and attributes of a cell, or those in force at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    fg: Paint,
    bg: Paint,
    mods: u16,
}

impl Style {
    const PLAIN: Self = Self { fg: Paint::OWN, bg: Paint::OWN, mods: 0 };

    fn of(cell: &Packed) -> Self {
        Self { fg: cell.fg, bg: cell.bg, mods: cell.mods }
    }

    fn hash(self) -> usize {
        let mixed = u64::from(self.fg.bits()) << 32 ^ u64::from(self.bg.bits()) ^ u64::from(self.mods) << 24;
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
    }

    /// True if a cell of style `wanted` looks right while `self` is in force.
    fn serves(self, wanted: Self) -> bool {
        self.bg == wanted.bg && self.mods == wanted.mods && (self.fg == wanted.fg || wanted.fg == Paint::ANY)
    }
}

/// A cell: its row in the upper half, its column in the lower.
#[derive(Clone, Copy, Debug, Default)]
struct Place(u32);

impl Place {
    fn new(x: usize, y: usize) -> Self {
        Self(u32::try_from(y << 16 | x).unwrap_or(u32::MAX))
    }

    fn x(self) -> u16 {
        (self.0 & 0xffff) as u16
    }

    fn y(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

#[derive(Clone, Copy, Debug)]
struct Change {
    at: Place,
    style: u32,
}

/// Collects the changes of a frame, then writes them; keeps its memory from frame to frame.
#[derive(Debug)]
pub(super) struct Emitter {
    changes: Vec<Change>,
    /// The changes in the order in which they are sent.
    sorted: Vec<Place>,
    styles: Vec<Style>,
    /// How many changes each style has; later where its changes begin.
    counts: Vec<u32>,
    order: Vec<u32>,
    /// Open hashing from a style to its number + 1; a power of two long.
    table: Vec<u32>,
    slots: Vec<u32>,
    last: Option<(Style, u32)>,
    /// What is in force at the terminal.
    style: Style,
    /// Where the cursor is; `None`: not known.
    cursor: Option<(u16, u16)>,
}

impl Default for Emitter {
    fn default() -> Self {
        Self {
            changes: Vec::new(),
            sorted: Vec::new(),
            styles: Vec::new(),
            counts: Vec::new(),
            order: Vec::new(),
            table: Vec::new(),
            slots: Vec::new(),
            last: None,
            style: Style::PLAIN,
            cursor: None,
        }
    }
}

impl Emitter {
    /// Begins a frame of a screen of `cells`.
    pub(super) fn begin(&mut self, cells: usize) {
        for slot in self.slots.drain(..) {
            self.table[slot as usize] = 0;
        }
        let length = (2 * cells).next_power_of_two().max(64);
        if self.table.len() != length {
            self.table = vec![0; length];
        }
        self.changes.clear();
        self.styles.clear();
        self.counts.clear();
        self.last = None;
    }

    /// How many cells have changed.
    pub(super) fn changes(&self) -> usize {
        self.changes.len()
    }

    /// The cell in column `x` of row `y` has changed to `cell`.
    pub(super) fn change(&mut self, x: usize, y: usize, cell: &Packed) {
        if cell.width == 0 {
            return;
        }
        let style = Style::of(cell);
        let number = match self.last {
            Some((same, number)) if same == style => number,
            _ => self.number(style),
        };
        self.last = Some((style, number));
        self.counts[number as usize] += 1;
        self.changes.push(Change { at: Place::new(x, y), style: number });
    }

    fn number(&mut self, style: Style) -> u32 {
        let mask = self.table.len() - 1;
        let mut slot = style.hash() & mask;
        loop {
            match self.table[slot] {
                0 => break,
                found if self.styles[found as usize - 1] == style => return found - 1,
                _ => slot = (slot + 1) & mask,
            }
        }
        let number = u32::try_from(self.styles.len()).unwrap_or(u32::MAX);
        self.styles.push(style);
        self.counts.push(0);
        self.table[slot] = number + 1;
        self.slots.push(u32::try_from(slot).unwrap_or(u32::MAX));
        number
    }

    /// Writes what makes the terminal blank, and forgets what was known of it.
    pub(super) fn clear_screen(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\x1b[0m\x1b[2J");
        self.style = Style::PLAIN;
        self.cursor = None;
    }

    /// Writes the changed cells of `shown`, whose rows are `width` cells long.
    pub(super) fn emit(&mut self, shown: &[Packed], width: u16, clusters: &Clusters, out: &mut Vec<u8>) {
        // Others write to terminals too: only within a frame is the cursor where it was left.
        self.cursor = None;
        self.sort();
        let sorted = std::mem::take(&mut self.sorted);
        let mut pen = Pen { style: self.style, cursor: self.cursor, shown, width, clusters, out };
        for at in &sorted {
            pen.cell(*at);
        }
        (self.style, self.cursor) = (pen.style, pen.cursor);
        self.sorted = sorted;
    }

    /// Sorts the changes by style and, within it, by position; a screen of nearly as many styles as
    /// cells stays in the order of its rows, which saves the movements.
    fn sort(&mut self) {
        self.sorted.clear();
        if self.styles.len() * 2 > self.changes.len() {
            self.sorted.extend(self.changes.iter().map(|change| change.at));
            return;
        }
        self.order_styles();
        let mut start = 0;
        for style in &self.order {
            let count = &mut self.counts[*style as usize];
            start += std::mem::replace(count, start);
        }
        self.sorted.resize(self.changes.len(), Place::default());
        for change in &self.changes {
            let place = &mut self.counts[change.style as usize];
            self.sorted[*place as usize] = change.at;
            *place += 1;
        }
    }

    /// Neighbours differ in as little as possible: equal backgrounds together, and their
    /// foregrounds alternately rising and falling, so that often only one colour changes.
    fn order_styles(&mut self) {
        let Self { order, styles, .. } = self;
        order.clear();
        order.extend(0..u32::try_from(styles.len()).unwrap_or(u32::MAX));
        let key = |number: &u32| styles[*number as usize];
        order.sort_unstable_by_key(|n| (key(n).mods, key(n).bg, key(n).fg));
        let mut falling = false;
        for run in order.chunk_by_mut(|a, b| (key(a).mods, key(a).bg) == (key(b).mods, key(b).bg)) {
            if falling {
                run.reverse();
            }
            falling = !falling;
        }
    }
}

/// Writes cells, knowing what is in force and where the cursor is.
struct Pen<'a> {
    style: Style,
    cursor: Option<(u16, u16)>,
    shown: &'a [Packed],
    width: u16,
    clusters: &'a Clusters,
    out: &'a mut Vec<u8>,
}

impl Pen<'_> {
    fn cell(&mut self, at: Place) {
        let (x, y) = (at.x(), at.y());
        let index = usize::from(y) * usize::from(self.width) + usize::from(x);
        let cell = &self.shown[index];
        if self.cursor != Some((x, y)) && !self.fill(x, y, index) {
            let mut moves = Short::default();
            moves.go(self.cursor, x, y);
            self.out.extend_from_slice(moves.bytes());
        }
        self.dress(Style::of(cell));
        cell.write(self.clusters, self.out);
        let next = x + u16::from(cell.width);
        // In the last column terminals differ about where the cursor is.
        self.cursor = (cell.sure && next < self.width).then_some((next, y));
    }

    /// Writes the few unchanged letters up to the cell instead of moving over them, where that is shorter.
    fn fill(&mut self, x: u16, y: u16, index: usize) -> bool {
        let gap = match self.cursor {
            Some((from, row)) if row == y && from < x && x - from <= 3 => usize::from(x - from),
            _ => return false,
        };
        let between = &self.shown[index - gap..index];
        let cheap =
            |cell: &Packed| cell.glyph < 0x80 && cell.width == 1 && self.style.serves(Style::of(cell));
        if !between.iter().all(cheap) {
            return false;
        }
        for cell in between {
            cell.write(self.clusters, self.out);
        }
        true
    }

    /// Puts `wanted` in force.
    fn dress(&mut self, wanted: Style) {
        if self.style.serves(wanted) {
            return;
        }
        if wanted.mods == 0 && wanted.bg == Paint::OWN && matches!(wanted.fg, Paint::OWN | Paint::ANY) {
            self.out.extend_from_slice(b"\x1b[m");
            self.style = Style::PLAIN;
            return;
        }
        self.out.extend_from_slice(b"\x1b[");
        self.attributes(wanted.mods);
        if wanted.fg != self.style.fg && wanted.fg != Paint::ANY {
            color(wanted.fg.shade(), 30, self.out);
            self.style.fg = wanted.fg;
        }
        if wanted.bg != self.style.bg {
            color(wanted.bg.shade(), 40, self.out);
            self.style.bg = wanted.bg;
        }
        // Every parameter was written with a separator behind it.
        self.out.pop();
        self.out.push(b'm');
    }

    /// The parameters that turn the attributes in force into `wanted`.
    fn attributes(&mut self, wanted: u16) {
        /// Attributes, the parameter that ends them all, and the one that begins each.
        const TABLE: [(&[(Modifier, u16)], u16); 7] = [
            (&[(Modifier::BOLD, 1), (Modifier::DIM, 2)], 22),
            (&[(Modifier::ITALIC, 3)], 23),
            (&[(Modifier::UNDERLINED, 4)], 24),
            (&[(Modifier::SLOW_BLINK, 5), (Modifier::RAPID_BLINK, 6)], 25),
            (&[(Modifier::REVERSED, 7)], 27),
            (&[(Modifier::HIDDEN, 8)], 28),
            (&[(Modifier::CROSSED_OUT, 9)], 29),
        ];
        if wanted == self.style.mods {
            return;
        }
        for (group, end) in TABLE {
            let bits = group.iter().fold(0, |bits, (modifier, _)| bits | modifier.bits());
            let (mut now, then) = (self.style.mods & bits, wanted & bits);
            if now & !then != 0 {
                parameter(end, self.out);
                now = 0;
            }
            for (_, begin) in group.iter().filter(|(modifier, _)| then & !now & modifier.bits() != 0) {
                parameter(*begin, self.out);
            }
        }
        self.style.mods = wanted;
    }
}

/// A cursor movement: at most 11 bytes, put together where no memory must be asked for.
#[derive(Default)]
struct Short {
    bytes: [u8; 16],
    length: usize,
}

impl Short {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length & 15] = byte;
        self.length += 1;
    }

    /// The shortest way from `cursor` to column `x` of row `y`.
    fn go(&mut self, cursor: Option<(u16, u16)>, x: u16, y: u16) {
        match cursor {
            Some((from, row)) if row == y => self.along(from, x),
            Some((from, row)) if row + 1 == y && from >= x && from - x <= 2 => {
                self.csi(1, b'B');
                self.back(from - x);
            }
            Some((from, row)) if from == x => {
                let (by, last) = if y > row { (y - row, b'B') } else { (row - y, b'A') };
                self.csi(by, last);
            }
            _ => {
                self.push(0x1b);
                self.push(b'[');
                self.decimal(y + 1);
                if x > 0 {
                    self.push(b';');
                    self.decimal(x + 1);
                }
                self.push(b'H');
            }
        }
    }

    fn along(&mut self, from: u16, to: u16) {
        let (by, last) = if to > from { (to - from, b'C') } else { (from - to, b'D') };
        if to < from && by <= 3 {
            self.back(by);
        } else if digits(to + 1) < digits(by) {
            self.csi(to + 1, b'G');
        } else {
            self.csi(by, last);
        }
    }

    fn back(&mut self, by: u16) {
        (0..by).for_each(|_| self.push(0x08));
    }

    /// `CSI number last`, without the number if it is 1.
    fn csi(&mut self, number: u16, last: u8) {
        self.push(0x1b);
        self.push(b'[');
        if number > 1 {
            self.decimal(number);
        }
        self.push(last);
    }

    fn decimal(&mut self, number: u16) {
        each_digit(number, |digit| self.push(digit));
    }
}

/// The parameters of a colour; `base` is 30 for the foreground and 40 for the background.
fn color(shade: Shade, base: u16, out: &mut Vec<u8>) {
    match shade {
        Shade::Any => {}
        Shade::Own => parameter(base + 9, out),
        Shade::Named(n @ 0..8) => parameter(base + u16::from(n), out),
        Shade::Named(n) => parameter(base + 52 + u16::from(n), out),
        Shade::Indexed(n) => {
            parameter(base + 8, out);
            out.extend_from_slice(b"5;");
            parameter(u16::from(n), out);
        }
        Shade::Rgb(r, g, b) => {
            parameter(base + 8, out);
            out.extend_from_slice(b"2;");
            for value in [r, g, b] {
                parameter(u16::from(value), out);
            }
        }
    }
}

fn parameter(number: u16, out: &mut Vec<u8>) {
    each_digit(number, |digit| out.push(digit));
    out.push(b';');
}

fn digits(number: u16) -> usize {
    match number {
        0..10 => 1,
        10..100 => 2,
        100..1000 => 3,
        _ => 4,
    }
}

/// Calls `put` with the decimal digits of `number`, which is below 10,000.
fn each_digit(number: u16, mut put: impl FnMut(u8)) {
    let digit = |value: u16| b'0' + (value % 10) as u8;
    if number >= 1000 {
        put(digit(number / 1000));
    }
    if number >= 100 {
        put(digit(number / 100));
    }
    if number >= 10 {
        put(digit(number / 10));
    }
    put(digit(number));
}
