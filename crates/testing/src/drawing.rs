//! Reads a state diagram that is drawn with characters, so that a test can compare it with a machine.
//!
//! - A box with sharp corners is a state. Its first line is the name.
//! - A box around boxes is a frame. An arrow from or to its border stands for one from or to each state in it.
//! - A wire begins at a tee on a border, turns at round corners, branches at tees, and crosses at `┼`. It ends at arrowheads before
//!   a border. Where wires join, every state at which they begin leads to every state at which they end.
//! - An arrow from a state to itself is not looked at: a frame may have one to its own states.

use std::collections::BTreeSet;

/// The arrows of a drawing: from which state, and to which.
pub type Edges = BTreeSet<(String, String)>;

/// The arrows of a drawing.
#[track_caller]
pub fn edges(drawing: &str) -> Edges {
    let grid = Grid(drawing.lines().map(|line| line.chars().collect()).collect());
    let boxes = grid.boxes();
    let mut edges = Edges::new();
    for (number, from) in boxes.iter().enumerate() {
        for (start, direction) in grid.tees(from) {
            for end in grid.follow(&boxes, start, direction) {
                let to = boxes.iter().find(|to| to.has_on_border(end));
                let to = to.unwrap_or_else(|| panic!("an arrow points at no box: {end:?}"));
                for from in names(&boxes, &boxes[number]) {
                    let arrows = names(&boxes, to).map(|to| (from.to_owned(), to.to_owned()));
                    edges.extend(arrows.filter(|(from, to)| from != to));
                }
            }
        }
    }
    edges
}

/// A line and a column.
type Cell = (usize, usize);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Direction {
    Up,
    Down,
    Left,
    Right,
}
use Direction::{Down, Left, Right, Up};

impl Direction {
    const ALL: [Self; 4] = [Up, Down, Left, Right];

    fn from((line, column): Cell, direction: Self) -> Cell {
        match direction {
            Up => (line.wrapping_sub(1), column),
            Down => (line + 1, column),
            Left => (line, column.wrapping_sub(1)),
            Right => (line, column + 1),
        }
    }

    fn back(self) -> Self {
        match self {
            Up => Down,
            Down => Up,
            Left => Right,
            Right => Left,
        }
    }
}

/// Where the strokes of a character lead.
fn strokes(char: char) -> &'static [Direction] {
    match char {
        '─' => &[Left, Right],
        '│' => &[Up, Down],
        '╭' | '┌' => &[Right, Down],
        '╮' | '┐' => &[Left, Down],
        '╰' | '└' => &[Right, Up],
        '╯' | '┘' => &[Left, Up],
        '┬' => &[Left, Right, Down],
        '┴' => &[Left, Right, Up],
        '├' => &[Up, Down, Right],
        '┤' => &[Up, Down, Left],
        '┼' => &Direction::ALL,
        _ => &[],
    }
}

/// A box: its corners, and its name, if no box is in it.
#[derive(Debug)]
struct Box {
    top: usize,
    left: usize,
    bottom: usize,
    right: usize,
    name: Option<String>,
}

impl Box {
    fn has_on_border(&self, (line, column): Cell) -> bool {
        let within = (self.top..=self.bottom).contains(&line) && (self.left..=self.right).contains(&column);
        within && ([self.top, self.bottom].contains(&line) || [self.left, self.right].contains(&column))
    }

    fn contains(&self, other: &Self) -> bool {
        self.top < other.top
            && other.bottom < self.bottom
            && self.left < other.left
            && other.right < self.right
    }
}

/// The states that a box stands for: itself, or all in it.
fn names<'a>(boxes: &'a [Box], of: &'a Box) -> impl Iterator<Item = &'a str> {
    let inner = boxes.iter().filter(move |inner| std::ptr::eq(*inner, of) || of.contains(inner));
    inner.filter_map(|inner| inner.name.as_deref())
}

struct Grid(Vec<Vec<char>>);

impl Grid {
    fn at(&self, (line, column): Cell) -> char {
        self.0.get(line).and_then(|line| line.get(column)).copied().unwrap_or(' ')
    }

    fn boxes(&self) -> Vec<Box> {
        let cells = self.0.iter().enumerate();
        let cells = cells.flat_map(|(line, chars)| (0..chars.len()).map(move |column| (line, column)));
        let mut boxes: Vec<_> =
            cells.filter(|&cell| self.at(cell) == '┌').map(|cell| self.box_at(cell)).collect();
        let inner = |outer: &Box| boxes.iter().any(|inner| outer.contains(inner));
        let named: Vec<_> = boxes.iter().map(|leaf| (!inner(leaf)).then(|| self.name(leaf))).collect();
        boxes.iter_mut().zip(named).for_each(|(leaf, name)| leaf.name = name);
        boxes
    }

    fn box_at(&self, (top, left): Cell) -> Box {
        let find = |mut cells: std::ops::RangeFrom<usize>, corner: char, cell: &dyn Fn(usize) -> Cell| {
            let limit = self.0.len() + self.0.iter().map(Vec::len).max().unwrap_or(0);
            cells.find(|&at| self.at(cell(at)) == corner || at > limit).unwrap_or(limit)
        };
        let right = find(left.., '┐', &|column| (top, column));
        let bottom = find(top.., '└', &|line| (line, left));
        assert_eq!(self.at((bottom, right)), '┘', "a box at {top}, {left} is not closed");
        Box { top, left, bottom, right, name: None }
    }

    fn name(&self, leaf: &Box) -> String {
        let line: String =
            (leaf.left + 1..leaf.right).map(|column| self.at((leaf.top + 1, column))).collect();
        line.trim().to_owned()
    }

    /// The tees on a border at which wires begin, and where these go.
    fn tees(&self, from: &Box) -> Vec<(Cell, Direction)> {
        let mut tees = Vec::new();
        let lines = from.top..=from.bottom;
        tees.extend(lines.clone().map(|line| ((line, from.right), '├', Right)));
        tees.extend(lines.map(|line| ((line, from.left), '┤', Left)));
        let columns = from.left + 1..from.right;
        tees.extend(columns.clone().map(|column| ((from.top, column), '┴', Up)));
        tees.extend(columns.map(|column| ((from.bottom, column), '┬', Down)));
        let begin = tees.into_iter().filter(|&(cell, tee, _)| self.at(cell) == tee);
        begin.map(|(cell, _, direction)| (cell, direction)).collect()
    }

    /// The cells to which the arrowheads of a wire point.
    fn follow(&self, boxes: &[Box], start: Cell, direction: Direction) -> BTreeSet<Cell> {
        let (mut ends, mut known) = (BTreeSet::new(), BTreeSet::new());
        let mut ways = vec![(Direction::from(start, direction), direction)];
        while let Some((cell, direction)) = ways.pop() {
            if !known.insert((cell, direction)) {
                continue;
            }
            let char = self.at(cell);
            if char == ['▲', '▼', '◀', '▶'][direction as usize] {
                ends.insert(Direction::from(cell, direction));
                continue;
            }
            if char != '┼' && boxes.iter().any(|border| border.has_on_border(cell)) {
                // Another state's wire begins here, and joins.
                continue;
            }
            let strokes = strokes(char);
            assert!(strokes.contains(&direction.back()), "a wire breaks off at {cell:?}: {char:?}");
            let onwards = strokes.iter().filter(|&&way| match char {
                '┼' => way == direction,
                _ => way != direction.back(),
            });
            ways.extend(onwards.map(|&way| (Direction::from(cell, way), way)));
        }
        assert!(!ends.is_empty(), "the wire at {start:?} has no arrowhead");
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(drawing: &str) -> Vec<String> {
        edges(drawing).into_iter().map(|(from, to)| format!("{from} {to}")).collect()
    }

    #[test]
    fn arrows_turn_branch_and_cross() {
        let drawing = "
┌───┐     ┌───┐
│ A ├──┬─▶│ B ├─╮
└─┬─┘  │  └───┘ │
  │    ╰──╮     │
╭─┼───────┼─────╯
│ ▼       ▼
│ ┌───┐   ┌───┐
╰▶│ C │   │ D │
  └───┘   └───┘";
        assert_eq!(read(drawing), ["A B", "A C", "A D", "B C"]);
    }

    #[test]
    fn frames_stand_for_their_states() {
        let drawing = "
┌─ both ───────┐
│ ┌───┐  ┌───┐ │  ┌───┐
│ │ A ├─▶│ B │ ├─▶│ C │
│ └───┘  └───┘ │◀─┤   │
└──────────────┘  └───┘";
        assert_eq!(read(drawing), ["A B", "A C", "B C", "C A", "C B"]);
    }

    #[test]
    #[should_panic = "a wire breaks off"]
    fn a_wire_that_leads_nowhere_is_a_mistake() {
        read("┌───┐\n│ A ├──\n└───┘");
    }
}
