//! Checks for every machine's transition table, and a record of how much of one was driven.

use std::collections::BTreeSet;
use std::fmt::Debug;

use bits_proto::client::transitions::{Selection, Transition};

use crate::drawing::{Edges, edges};

/// A machine's transition table, with all that it speaks of.
#[derive(Debug)]
pub struct Table<P: 'static, S: 'static, C: 'static, R: 'static> {
    pub places: &'static [P],
    pub stimuli: &'static [S],
    pub rows: &'static [Transition<P, S, C, R>],
    pub impossible: &'static [(Selection<P>, Selection<S>, &'static str)],
}

impl<P: Copy + PartialEq + Debug, S: Copy + PartialEq + Debug, C: Copy + Debug, R: Debug> Table<P, S, C, R> {
    pub fn is_impossible(&self, place: P, stimulus: S) -> bool {
        self.impossible.iter().any(|(from, on, _)| from.contains(place) && on.contains(stimulus))
    }

    fn pairs(&self) -> impl Iterator<Item = (P, S)> {
        self.places.iter().flat_map(|&place| self.stimuli.iter().map(move |&stimulus| (place, stimulus)))
    }

    /// The numbers of the rows for a pair, where these settings hold.
    fn rows(&self, place: P, stimulus: S, holds: impl Fn(C) -> bool) -> Vec<usize> {
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter(|(_, row)| row.from.contains(place) && row.on.contains(stimulus));
        rows.filter(|(_, row)| row.setting.is_none_or(&holds)).map(|(number, _)| number).collect()
    }

    /// The number of the one row for a pair.
    #[track_caller]
    pub fn row(&self, place: P, stimulus: S, holds: impl Fn(C) -> bool) -> usize {
        match self.rows(place, stimulus, holds)[..] {
            [row] => row,
            ref rows => panic!("{place:?}, {stimulus:?}: no row of its own, but {rows:?}"),
        }
    }

    /// Every pair is in the table once where these settings hold; one that never meets may be missing.
    #[track_caller]
    pub fn assert_unambiguous(
        &self,
        settings: &impl Debug,
        agrees: impl Fn(P) -> bool,
        holds: impl Fn(C) -> bool,
    ) {
        for (place, stimulus) in self.pairs().filter(|&(place, _)| agrees(place)) {
            let rows = self.rows(place, stimulus, &holds);
            let least = usize::from(!self.is_impossible(place, stimulus));
            assert!(
                (least..=1).contains(&rows.len()),
                "{place:?}, {stimulus:?} under {settings:?}: {rows:?}"
            );
        }
    }

    /// Every row says something of a pair that can meet, and every impossibility has its reason.
    #[track_caller]
    pub fn assert_no_idle_talk(&self) {
        for row in self.rows {
            let speaks = row.from.iter().any(|place| row.on.iter().any(|on| !self.is_impossible(place, on)));
            assert!(speaks, "{row:?} names impossible pairs alone");
        }
        for (from, on, why) in self.impossible {
            assert!(!why.is_empty() && from.iter().next().is_some() && on.iter().next().is_some());
        }
    }

    /// Every place is in exactly one of these groups.
    #[track_caller]
    pub fn assert_grouped(&self, groups: &[&[P]]) {
        for place in self.places {
            assert_eq!(groups.iter().filter(|group| group.contains(place)).count(), 1, "{place:?}");
        }
    }
}

/// The source of a transition table as a table of Markdown: as the documentation shows it.
pub fn rendered(source: &str, has_settings: bool) -> String {
    let begin = source.find("transitions! {").unwrap();
    let end = source.find("impossible! {").unwrap();
    let rows: String = source[begin..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join(" ");
    let under = if has_settings { [" under |", "---|"] } else { ["", ""] };
    let mut table = format!("| where | what comes |{} then | what the caller sees |\n", under[0]);
    table += &format!("|---|---|{}---|---|\n", under[1]);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cell =
        |text: &str| words(text).replace(" | ", ", ").replace("all ALL", "everywhere").replace("all ", "");
    for row in rows.split(';').filter(|row| row.contains("=>")) {
        let (from, row) = row.trim().strip_prefix('(').unwrap().split_once(')').unwrap();
        let (on, row) = row.trim().strip_prefix('(').unwrap().split_once(')').unwrap();
        let (setting, row) = row.trim().strip_prefix('[').unwrap().split_once(']').unwrap();
        let (after, sights) = row.trim().strip_prefix("=>").unwrap().trim().split_once(',').unwrap();
        let after = match after {
            "Same" => "–",
            "Due" => "as is due",
            place => place,
        };
        let sights = if sights.trim() == "Nothing" { String::new() } else { words(sights) };
        let setting = if has_settings { format!(" {setting} |") } else { String::new() };
        table += &format!("| {} | {} |{setting} {after} | {sights} |\n", cell(from), cell(on));
    }
    table
}

/// The pairs and the rows of a table that a test has driven a machine through.
#[derive(Debug, Default)]
pub struct Driven {
    pairs: BTreeSet<String>,
    rows: BTreeSet<usize>,
    steps: Edges,
}

impl Driven {
    pub fn pair(&mut self, place: impl Debug, stimulus: impl Debug) {
        self.pairs.insert(format!("{place:?}, {stimulus:?}"));
    }

    pub fn row(&mut self, number: usize) {
        self.rows.insert(number);
    }

    /// The machine went from one place to another, by the names that the drawing has for them.
    pub fn step(&mut self, from: &str, to: &str) {
        if from != to {
            self.steps.insert((from.to_owned(), to.to_owned()));
        }
    }

    /// The drawing has an arrow for each step that was driven, and no other.
    #[track_caller]
    pub fn assert_drawn(&self, drawing: &str) {
        let drawn = edges(drawing);
        let missing: Vec<_> = self.steps.difference(&drawn).collect();
        let extra: Vec<_> = drawn.difference(&self.steps).collect();
        assert!(missing.is_empty() && extra.is_empty(), "not drawn: {missing:#?}, drawn: {extra:#?}");
    }

    /// All of the table was driven: each row, and each pair that can meet.
    #[track_caller]
    pub fn assert_complete<P, S, C, R>(&self, table: &Table<P, S, C, R>)
    where
        P: Copy + PartialEq + Debug,
        S: Copy + PartialEq + Debug,
        C: Copy + Debug,
        R: Debug,
    {
        let rows = table.rows.iter().enumerate().filter(|(number, _)| !self.rows.contains(number));
        let rows: Vec<_> = rows.map(|(_, row)| row).collect();
        assert!(rows.is_empty(), "never driven: {rows:#?}");
        let possible = table.pairs().filter(|&(place, stimulus)| !table.is_impossible(place, stimulus));
        let pairs = possible.map(|(place, stimulus)| format!("{place:?}, {stimulus:?}"));
        let pairs: Vec<_> = pairs.filter(|pair| !self.pairs.contains(pair)).collect();
        assert!(pairs.is_empty(), "never driven: {pairs:#?}");
    }
}
