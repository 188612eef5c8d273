//! Bars in SVG.

use std::fmt::Write;

const WIDTH: usize = 640;
const BAR: usize = 26;
const LEFT: usize = 240;

/// Draws bars: a label, a number, and what it is written as.
#[must_use]
pub fn bars(title: &str, bars: &[(String, f64, String)]) -> String {
    let height = 44 + bars.len() * (BAR + 8);
    let most = bars.iter().map(|(_, number, _)| *number).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-weight="bold">{title}</text>
"##
    );
    for (number, (label, value, text)) in bars.iter().enumerate() {
        let y = 36 + number * (BAR + 8);
        let length = ((WIDTH - LEFT - 120) as f64 * value / most).max(1.0);
        let (middle, end) = (y + BAR / 2 + 5, LEFT as f64 + length + 6.0);
        let _infallible = writeln!(
            svg,
            r##"<text x="{}" y="{middle}" text-anchor="end">{label}</text><rect x="{LEFT}" y="{y}" width="{length:.1}" height="{BAR}" fill="#4878a8"/><text x="{end:.1}" y="{middle}">{text}</text>"##,
            LEFT - 8
        );
    }
    svg + "</svg>\n"
}
