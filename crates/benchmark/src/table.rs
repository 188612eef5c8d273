//! The table of ratios, with the goal of each.

use std::fmt;

use crate::statistics::Spread;

#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    what: String,
    ratio: String,
    goal: Option<(Goal, bool)>,
}

/// What is wanted of a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }
}

impl Table {
    pub(crate) fn row(&mut self, what: impl Into<String>, spread: Spread, unit: &str, goal: Option<Goal>) {
        let what = what.into();
        let ratio = format!("{spread}{unit}");
        println!("{what}: {ratio}");
        let goal = goal.map(|goal| (goal, goal.is_met(spread.median)));
        self.0.push(Row { what, ratio, goal });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| load | median (least to greatest) | goal | |\n|---|---|---|---|")?;
        for Row { what, ratio, goal } in &self.0 {
            let (wanted, met) = match goal {
                Some((Goal::AtLeast(goal), met)) => (format!("≥ {goal}"), *met),
                Some((Goal::AtMost(goal), met)) => (format!("≤ {goal}"), *met),
                None => (String::new(), true),
            };
            let met = if met { "" } else { "missed" };
            writeln!(f, "| {what} | {ratio} | {wanted} | {met} |")?;
        }
        Ok(())
    }
}
