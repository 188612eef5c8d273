//! Lines in SVG, over a logarithmic axis.

use std::fmt::Write;
use std::fs;
use std::path::Path;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 52.0;
const COLOURS: [&str; 4] = ["#2f6690", "#c8553d", "#588157", "#7b5ea7"];

/// How a cost grows with something.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What the axes say.
    pub(crate) across: &'static str,
    pub(crate) up: &'static str,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    /// Where each point is, what the axis says there, and its value.
    pub(crate) points: Vec<(f64, String, f64)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Plots(Vec<Plot>);

impl Plots {
    pub(crate) fn add(&mut self, plot: Plot) {
        self.0.push(plot);
    }

    pub(crate) fn write(&self, folder: &Path) {
        for plot in &self.0 {
            fs::write(folder.join(format!("{}.svg", plot.name)), plot.draw()).unwrap();
        }
    }
}

impl Plot {
    fn draw(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (mut least, mut most, mut highest) = (f64::MAX, f64::MIN_POSITIVE, 1.0_f64);
        for (across, _, up) in points() {
            (least, most, highest) = (least.min(*across), most.max(*across), highest.max(*up));
        }
        let top = (highest * 1.1 * 4.0).ceil() / 4.0;
        let span = (most / least).ln().max(f64::MIN_POSITIVE);
        let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * (value / least).ln() / span;
        let y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top;
        let (end, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-size="14" font-weight="bold">{}</text>
"##,
            self.title
        );
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let at = y(value);
            line(&mut svg, (LEFT, at), (end, at), "#ddd");
            text(&mut svg, LEFT - 6.0, at + 4.0, "end", &format!("{value:.2}"));
        }
        line(&mut svg, (LEFT, y(1.0)), (end, y(1.0)), "#888");
        let mut marked: Vec<f64> = Vec::new();
        for (across, label, _) in points() {
            if !marked.contains(across) {
                marked.push(*across);
                text(&mut svg, x(*across), floor + 16.0, "middle", label);
            }
        }
        text(&mut svg, f64::midpoint(LEFT, end), HEIGHT - 12.0, "middle", self.across);
        text(&mut svg, LEFT, TOP - 6.0, "start", self.up);
        for (number, drawn) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let path: Vec<_> = drawn
                .points
                .iter()
                .map(|(across, _, up)| format!("{:.1},{:.1}", x(*across), y(*up)))
                .collect();
            let _infallible = writeln!(
                svg,
                r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
                path.join(" ")
            );
            for (across, _, up) in &drawn.points {
                let _infallible = writeln!(
                    svg,
                    r#"<circle cx="{:.1}" cy="{:.1}" r="3" fill="{colour}"/>"#,
                    x(*across),
                    y(*up)
                );
            }
            let at = TOP + 18.0 * number as f64;
            line(&mut svg, (end + 12.0, at), (end + 32.0, at), colour);
            text(&mut svg, end + 38.0, at + 4.0, "start", &drawn.label);
        }
        svg + "</svg>\n"
    }
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _infallible = writeln!(
        svg,
        r#"<line x1="{:.1}" y1="{:.1}" x2="{:.1}" y2="{:.1}" stroke="{colour}"/>"#,
        from.0, from.1, to.0, to.1
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _infallible = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#);
}
