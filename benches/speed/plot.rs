//! The table as a picture.

use std::fmt::{self, Write as _};

use crate::table::{Line, Target};

const WIDTH: f64 = 900.0;
/// Where the bars begin; names stand before.
const LEFT: f64 = 380.0;
const ROW: f64 = 28.0;
const HEAD: f64 = 40.0;
/// Ratios differ by orders of magnitude: the axis is logarithmic, between these two.
const LEAST: f64 = 0.01;
const MOST: f64 = 1_000.0;

/// An SVG with a bar for each ratio, the spread on it, and a mark at its target.
pub(crate) fn svg(lines: &[Line]) -> Result<String, fmt::Error> {
    let mut svg = String::new();
    let height = HEAD + ROW * f64::from(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12">"#
    )?;
    writeln!(svg, r#"<rect width="100%" height="100%" fill="white"/>"#)?;
    axis(&mut svg, height)?;
    let mut top = HEAD;
    for line in lines {
        bar(&mut svg, line, top)?;
        top += ROW;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

fn axis(svg: &mut String, height: f64) -> fmt::Result {
    writeln!(svg, r#"<text x="8" y="22">ours to the baseline</text>"#)?;
    for tick in [0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0] {
        let x = place(tick);
        writeln!(
            svg,
            r##"<line x1="{x:.1}" y1="{HEAD}" x2="{x:.1}" y2="{height}" stroke="#ccc"/><text x="{x:.1}" y="22" text-anchor="middle">{tick}</text>"##
        )?;
    }
    Ok(())
}

fn bar(svg: &mut String, line: &Line, top: f64) -> fmt::Result {
    let (ratio, least, most) = line.ratios();
    let (begin, end) = (place(LEAST), place(ratio));
    let (text, middle) = (top + 17.0, top + 13.0);
    let color = if line.is_missed() { "#c33" } else { "#48a" };
    let Line {
        question, baseline, ..
    } = line;
    writeln!(
        svg,
        r#"<text x="8" y="{text}">{question} / {baseline}</text><rect x="{begin:.1}" y="{}" width="{:.1}" height="18" fill="{color}"/>"#,
        top + 4.0,
        end - begin
    )?;
    writeln!(
        svg,
        r#"<line x1="{:.1}" y1="{middle}" x2="{:.1}" y2="{middle}" stroke="black"/><text x="{:.1}" y="{text}">{ratio:.2}</text>"#,
        place(least),
        place(most),
        end.max(place(most)) + 4.0
    )?;
    let (Target::AtLeast(target) | Target::AtMost(target)) = line.target else {
        return Ok(());
    };
    let x = place(target);
    writeln!(
        svg,
        r#"<line x1="{x:.1}" y1="{}" x2="{x:.1}" y2="{}" stroke="black" stroke-width="2"/>"#,
        top + 2.0,
        top + 24.0
    )
}

/// Where a ratio lies on the axis.
fn place(ratio: f64) -> f64 {
    let part = (ratio.clamp(LEAST, MOST) / LEAST).ln() / (MOST / LEAST).ln();
    // What was not measured has no bar.
    let part = if part.is_nan() { 0.0 } else { part };
    LEFT + part * (WIDTH - LEFT - 50.0)
}
