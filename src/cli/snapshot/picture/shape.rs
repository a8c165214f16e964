//! Characters that are pictures: blocks, shades, box lines and braille as rectangles, so that a
//! drawing does not depend on the fonts of whoever looks at it.

/// A rectangle in a cell: left, top, width, height, px.
pub type Rect = (usize, usize, usize, usize);

/// Width and height of a cell, px: both can be halved, and the width quartered.
pub const CELL: (usize, usize) = (8, 16);

/// What a character is drawn as.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing but the ground.
    Blank,
    /// Rectangles in the colour of the letters.
    Rects(Vec<Rect>),
    /// The whole cell between the two colours: this much of the letters' one, eighths.
    Shade(u16),
    /// A letter.
    Text,
}

/// The shape of the first character of `symbol`.
pub fn of(symbol: &str) -> Shape {
    let (w, h) = CELL;
    let Some(c) = symbol.chars().next() else { return Shape::Blank };
    let code = c as usize;
    match c {
        ' ' => Shape::Blank,
        '▀' => Shape::Rects(vec![(0, 0, w, h / 2)]),
        '▁'..='█' => {
            let filled = (code - '▁' as usize + 1) * h / 8;
            Shape::Rects(vec![(0, h - filled, w, filled)])
        }
        '▉'..='▏' => Shape::Rects(vec![(0, 0, 7 - (code - '▉' as usize), h)]),
        '▐' => Shape::Rects(vec![(w / 2, 0, w / 2, h)]),
        '░' => Shape::Shade(2),
        '▒' => Shape::Shade(4),
        '▓' => Shape::Shade(6),
        '⠀'..='⣿' => Shape::Rects(braille(code - '⠀' as usize)),
        _ => lines(c).map_or(Shape::Text, Shape::Rects),
    }
}

/// The dots of a braille pattern: bits 0 to 2 and 6 are the left column, 3 to 5 and 7 the right.
fn braille(bits: usize) -> Vec<Rect> {
    const AT: [(usize, usize); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    let dots = AT.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
    dots.map(|(_, (x, y))| (1 + 4 * x, 1 + 4 * y, 2, 2)).collect()
}

/// Box lines: which of left, right, up and down a line reaches, and how thick it lies.
fn lines(c: char) -> Option<Vec<Rect>> {
    let (w, h) = CELL;
    let (x, y) = (w / 2 - 1, h / 2 - 1);
    let (left, right) = ((0, y, x + 1, 1), (x, y, w - x, 1));
    let (up, down) = ((x, 0, 1, y + 1), (x, y, 1, h - y));
    let heavy = (0, y - 1, w, 2);
    Some(match c {
        '─' => vec![(0, y, w, 1)],
        '╌' => vec![(1, y, 2, 1), (5, y, 2, 1)],
        '━' => vec![heavy],
        '│' => vec![(x, 0, 1, h)],
        '┌' => vec![right, down],
        '┐' => vec![left, down],
        '└' => vec![right, up],
        '┘' => vec![left, up],
        '├' => vec![right, up, down],
        '┤' => vec![left, up, down],
        '┬' => vec![left, right, down],
        '┴' => vec![left, right, up],
        '┼' => vec![left, right, up, down],
        '┿' => vec![heavy, up, down],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(symbol: &str) -> usize {
        match of(symbol) {
            Shape::Rects(rects) => rects.iter().map(|(_, _, w, h)| w * h).sum(),
            other => panic!("{symbol} is {other:?}"),
        }
    }

    #[test]
    fn blocks_fill_what_their_names_say() {
        let cell = CELL.0 * CELL.1;
        for (symbol, eighths) in [("▁", 1), ("▄", 4), ("▇", 7), ("█", 8), ("▀", 4), ("▌", 4), ("▐", 4)]
        {
            assert_eq!(area(symbol) * 8, cell * eighths, "{symbol}");
        }
        assert_eq!((area("▉") * 8, area("▏") * 8), (cell * 7, cell));
    }

    #[test]
    fn every_shape_stays_in_its_cell() {
        for c in ('─'..='╿').chain('▀'..='▟').chain('⠀'..='⣿') {
            if let Shape::Rects(rects) = of(&c.to_string()) {
                let inside = |(x, y, w, h): &Rect| x + w <= CELL.0 && y + h <= CELL.1 && w * h > 0;
                assert!(rects.iter().all(inside), "{c}: {rects:?}");
            }
        }
    }

    #[test]
    fn braille_has_a_dot_for_each_bit() {
        assert_eq!(of("⠁"), Shape::Rects(vec![(1, 1, 2, 2)]));
        assert_eq!(of("⢀"), Shape::Rects(vec![(5, 13, 2, 2)]));
        assert_eq!(area("⣿"), 8 * 4);
    }

    #[test]
    fn letters_stay_letters() {
        assert_eq!(
            (of("a"), of("×"), of(" "), of("")),
            (Shape::Text, Shape::Text, Shape::Blank, Shape::Blank)
        );
    }
}
