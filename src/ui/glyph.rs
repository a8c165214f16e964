//! The characters that widgets draw with, in three sets: Unicode, the Linux console (code page
//! 437: half blocks yes, braille no) and plain ASCII. Widgets take them from the brush and never
//! ask what the terminal can show.

use crate::ui::theme::tone::Shape;

/// The characters of the timeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeGlyphs {
    /// The line: what lies before the position, and after it.
    pub line: [char; 2],
    /// The position.
    pub position: char,
    /// A stretch without frames.
    pub gap: char,
    /// An alarm cleared.
    pub cleared: char,
    /// An operator did something.
    pub operator: char,
    /// A source began or ceased to answer.
    pub source: char,
    /// The site has grown.
    pub topology: char,
    /// A bookmark.
    pub bookmark: char,
    /// Within an incident.
    pub incident: char,
}

impl TimeGlyphs {
    const UNICODE: Self = Self {
        line: ['━', '─'],
        position: '●',
        gap: '╳',
        cleared: '○',
        operator: '✎',
        source: '¤',
        topology: '†',
        bookmark: '⚑',
        incident: '═',
    };

    const CONSOLE: Self = Self {
        line: ['═', '─'],
        position: '•',
        gap: 'x',
        operator: '§',
        source: '¢',
        topology: '+',
        bookmark: '¶',
        incident: '=',
        ..Self::UNICODE
    };

    const ASCII: Self = Self {
        line: ['=', '-'],
        position: 'O',
        gap: 'x',
        cleared: 'o',
        operator: 'w',
        source: 's',
        topology: 't',
        bookmark: 'F',
        incident: '~',
    };
}

/// A set of characters. Every one is one column wide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glyphs {
    /// `▀` can be drawn: two pixels in one cell.
    pub half_blocks: bool,
    /// Braille dots for charts.
    pub braille: bool,
    /// Shades, lightest first.
    pub shades: [char; 5],
    /// Alarms by priority, 1 first.
    pub alarms: [char; 4],
    /// Value too old.
    pub stale: char,
    /// Value gone.
    pub lost: char,
    /// Value that does not exist.
    pub absent: char,
    /// Bars of one cell, lowest first.
    pub bars: [char; 8],
    /// Horizontal and vertical line, corners from the upper left clockwise.
    pub frame: [char; 6],
    /// Limit line of a chart.
    pub limit: char,
    /// A band: outside, normal range, limit, now.
    pub band: [char; 4],
    /// Brackets of the cursor: left and right; then the same for the upper and lower half.
    pub cursor: [[char; 2]; 3],
    /// Cut text.
    pub ellipsis: char,
    /// Steps of a path: hall › row › rack.
    pub path: char,
    /// Range between two values: 1–4.
    pub dash: char,
    /// So many times as fast: ×8.
    pub times: char,
    /// The timeline.
    pub time: TimeGlyphs,
}

impl Glyphs {
    /// For terminals with a full font.
    pub const UNICODE: Self = Self {
        half_blocks: true,
        braille: true,
        shades: ['·', '░', '▒', '▓', '█'],
        alarms: ['■', '▲', '▼', '◆'],
        stale: '?',
        lost: '×',
        absent: '-',
        bars: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        frame: ['─', '│', '┌', '┐', '┘', '└'],
        limit: '╌',
        band: ['─', '━', '┿', '●'],
        cursor: [['▐', '▌'], ['▝', '▘'], ['▗', '▖']],
        ellipsis: '…',
        path: '›',
        dash: '–',
        times: '×',
        time: TimeGlyphs::UNICODE,
    };

    /// For the Linux console: half blocks but no braille, no eighths, no geometric shapes beyond
    /// those of code page 437.
    pub const CONSOLE: Self = Self {
        braille: false,
        lost: 'x',
        alarms: ['■', '▲', '▼', '♦'],
        bars: ['_', '_', '▄', '▄', '▄', '█', '█', '█'],
        limit: '-',
        band: ['─', '═', '╪', '•'],
        cursor: [['▐', '▌'], ['▐', '▌'], ['▐', '▌']],
        ellipsis: '~',
        path: '>',
        dash: '-',
        times: 'x',
        time: TimeGlyphs::CONSOLE,
        ..Self::UNICODE
    };

    /// For everything else.
    pub const ASCII: Self = Self {
        half_blocks: false,
        braille: false,
        shades: ['.', ':', '+', '%', '@'],
        alarms: ['1', '2', '3', '4'],
        stale: '?',
        lost: 'x',
        absent: '-',
        bars: ['_', '.', ',', '-', '=', '+', '*', '#'],
        frame: ['-', '|', '+', '+', '+', '+'],
        limit: '-',
        band: ['-', '=', '|', 'o'],
        cursor: [['[', ']'], ['[', ']'], ['[', ']']],
        ellipsis: '~',
        path: '>',
        dash: '-',
        times: 'x',
        time: TimeGlyphs::ASCII,
    };

    /// The character of a shape.
    #[must_use]
    pub fn shape(&self, shape: Shape) -> char {
        match shape {
            Shape::Blank => ' ',
            Shape::Shade(i) => self.shades[usize::from(i).min(4)],
            Shape::Alarm(p) => self.alarm(p),
            Shape::Stale => self.stale,
            Shape::Lost => self.lost,
            Shape::Absent => self.absent,
            Shape::Letter(c) => c,
        }
    }

    /// The shape of an alarm of `priority` 1 to 4; others count as 4.
    #[must_use]
    pub fn alarm(&self, priority: u8) -> char {
        self.alarms[usize::from(priority.clamp(1, 4)) - 1]
    }

    /// The bar for `share` of a cell, 0..=1.
    #[must_use]
    pub fn bar(&self, share: f64) -> char {
        let top = self.bars.len() - 1;
        self.bars[((share.clamp(0.0, 1.0) * top as f64).round() as usize).min(top)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthChar;

    fn all(g: &Glyphs) -> Vec<char> {
        let mut out: Vec<char> = if g.half_blocks { vec!['▀'] } else { Vec::new() };
        out.extend(g.shades.iter().chain(&g.alarms).chain(&g.bars).chain(&g.frame).chain(&g.band));
        out.extend(g.cursor.iter().flatten());
        let t = g.time;
        out.extend([g.times, t.position, t.gap, t.cleared, t.operator, t.source, t.topology]);
        out.extend([t.line[0], t.line[1], t.bookmark, t.incident]);
        out.extend([g.stale, g.lost, g.absent, g.limit, g.ellipsis, g.path, g.dash]);
        out
    }

    #[test]
    fn every_glyph_is_one_column_wide() {
        for set in [Glyphs::UNICODE, Glyphs::CONSOLE, Glyphs::ASCII] {
            for c in all(&set) {
                assert_eq!(c.width(), Some(1), "{c}");
            }
        }
    }

    #[test]
    fn the_ascii_set_is_ascii() {
        assert!(all(&Glyphs::ASCII).iter().all(char::is_ascii));
    }

    #[test]
    fn shapes_that_mean_different_things_look_different() {
        for set in [Glyphs::UNICODE, Glyphs::CONSOLE, Glyphs::ASCII] {
            let mut marks: Vec<char> = set.shades.iter().chain(&set.alarms).copied().collect();
            marks.extend([set.stale, set.lost, set.absent]);
            let count = marks.len();
            marks.sort_unstable();
            marks.dedup();
            assert_eq!(marks.len(), count);
        }
    }
}
