//! `--gaps`: every loss with its time, as lines for people.

use std::io::{self, Write};

use streamlens::model::stats::Gap;
use streamlens::model::words::{counted, grouped};
use streamlens::model::{Analysis, Flow, StreamHealth};

use super::summary::instant;
use super::{FAINT, Look, TITLE};
use crate::text::escaped;

/// The code of findings about holes in byte streams, which are gaps too.
pub(crate) const HOLE: &str = "tcp.gap";

/// A gap with the stream that has it.
struct Place<'a> {
    gap: &'a Gap,
    flow: &'a Flow,
    encoding: &'a str,
    stream: &'a StreamHealth,
}

/// Writes the gaps of all flows in the order of their frames, and how many there are beside those that are listed.
pub(super) fn write(out: &mut impl Write, analysis: &Analysis, look: Look) -> io::Result<()> {
    let (mut places, mut not_listed) = (Vec::new(), 0);
    for flow in &analysis.flows {
        for encoding in flow.encodings() {
            for stream in &encoding.health.streams {
                let encoding = &*encoding.encoding_name;
                places.extend(stream.gaps.iter().map(|gap| Place { gap, flow, encoding, stream }));
                not_listed += stream.gap_count.unwrap_or(0).saturating_sub(stream.gaps.len() as u64);
            }
        }
    }
    places.sort_by_key(|place| place.gap.at.frame);
    let holes: Vec<_> = analysis.findings.iter().filter(|finding| finding.code == HOLE).collect();
    let all = places.len() as u64 + not_listed + holes.iter().map(|hole| hole.count).sum::<u64>();
    writeln!(
        out,
        "{}",
        look.paint(TITLE, &format!("Gaps      {}", if all == 0 { "none".to_owned() } else { grouped(all) }))
    )?;
    for Place { gap, flow, encoding, stream } in &places {
        let time = gap.at.time.map_or_else(String::new, |time| format!("{}  ", instant(time)));
        let name = stream.name.as_deref().unwrap_or(&stream.id);
        writeln!(
            out,
            "  {time}{} missing before frame {}  {}, {encoding}, stream {}",
            counted(gap.packets, "packet"),
            grouped(gap.at.frame),
            flow.key,
            escaped(name)
        )?;
    }
    if not_listed > 0 {
        let text = format!("  and {} beside the latest 16 and the largest 16 of a stream", grouped(not_listed));
        writeln!(out, "{}", look.paint(FAINT, &text))?;
    }
    for hole in holes {
        let time = hole.first.time.map_or_else(String::new, |time| format!("{}  ", instant(time)));
        let place = [&hole.place.flow, &hole.place.encoding].into_iter().flatten();
        let place: Vec<_> = place.map(|part| escaped(part)).collect();
        let more = match hole.count {
            1 => String::new(),
            count => format!("; {}, last before frame {}", counted(count, "hole"), grouped(hole.last.frame)),
        };
        writeln!(out, "  {time}frame {}: {}{more}  {}", grouped(hole.first.frame), hole.text, place.join(", "))?;
    }
    writeln!(out)
}
