//! Colours by what they say.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};
use terminal_colorsaurus::{QueryOptions, background_color};

/// A terminal that says nothing of its background is waited for so long.
const ANSWER: Duration = Duration::from_millis(150);

/// What a text is, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Plain text.
    Plain,
    /// What is less important, or shown for the sake of what lies below.
    Faint,
    /// Headings and names.
    Strong,
    /// The selected row.
    Selected,
    /// The line at the top.
    Header,
    /// Names of columns.
    Heading,
    /// A key in the hints.
    Key,
    /// An error, or its mark.
    Error,
    /// A warning, or its mark.
    Warning,
    /// Something worth knowing, or its mark.
    Info,
    /// What is well: a live source.
    Good,
    /// A bar or a chart.
    Chart,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 12] = [
        Self::Plain,
        Self::Faint,
        Self::Strong,
        Self::Selected,
        Self::Header,
        Self::Heading,
        Self::Key,
        Self::Error,
        Self::Warning,
        Self::Info,
        Self::Good,
        Self::Chart,
    ];
}

/// A set of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark or light as the terminal says that its background is; [`Self::Terminal`] where it doesn't say.
    #[default]
    Auto,
    /// The terminal's own colours, with bold and reverse: where the background isn't known.
    Terminal,
    /// For dark backgrounds.
    Dark,
    /// For light backgrounds.
    Light,
    /// Bold, faint, underlined and reverse alone.
    None,
}

impl Theme {
    /// The set of that name in the configuration.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Auto, Self::Terminal, Self::Dark, Self::Light, Self::None].into_iter().find(|theme| theme.name() == name)
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Terminal => "terminal",
            Self::Dark => "dark",
            Self::Light => "light",
            Self::None => "none",
        }
    }

    /// The set that is meant: asks the terminal for its background (OSC 11) where that decides, and waits at most 150 ms for
    /// its answer. Reads from the terminal, so it is to be called before anything else does.
    pub(crate) fn resolved(self) -> Self {
        if self != Self::Auto {
            return self;
        }
        let mut options = QueryOptions::default();
        options.timeout = ANSWER;
        match background_color(options) {
            Ok(back) if back.perceived_lightness() > 0.5 => Self::Light,
            Ok(_) => Self::Dark,
            Err(_) => Self::Terminal,
        }
    }

    /// Whether it has the terminal's own colours alone.
    fn is_plain(self) -> bool {
        matches!(self, Self::None | Self::Terminal | Self::Auto)
    }

    /// How a role looks.
    #[must_use]
    pub fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let modifier = match role {
            Role::Plain | Role::Chart | Role::Info => Modifier::empty(),
            Role::Faint if self.is_plain() => Modifier::DIM,
            Role::Faint | Role::Good => Modifier::empty(),
            Role::Strong | Role::Heading | Role::Key | Role::Error | Role::Warning => Modifier::BOLD,
            Role::Selected | Role::Header if self.is_plain() => Modifier::REVERSED,
            Role::Selected | Role::Header => Modifier::BOLD,
        };
        let styled = plain.add_modifier(modifier);
        match self.colours(role) {
            Some((front, back)) => {
                let styled = styled.fg(front);
                back.map_or(styled, |back| styled.bg(back))
            }
            None => styled,
        }
    }

    /// Front and back of a role; `None` where it has the terminal's.
    fn colours(self, role: Role) -> Option<(Color, Option<Color>)> {
        let rgb = |value: u32| Color::Rgb((value >> 16) as u8, (value >> 8) as u8, value as u8);
        let (front, back) = match (self, role) {
            (Self::None | Self::Terminal | Self::Auto, _) | (_, Role::Plain | Role::Strong) => return None,
            (Self::Dark, Role::Faint) => (0x9a_a0_a6, None),
            (Self::Dark, Role::Selected) => (0xff_ff_ff, Some(0x26_4f_78)),
            (Self::Dark, Role::Header) => (0xff_ff_ff, Some(0x3a_3a_3a)),
            (Self::Dark, Role::Heading | Role::Info) => (0x7f_b8_ff, None),
            (Self::Dark, Role::Key) => (0xff_d7_5f, None),
            (Self::Dark, Role::Error) => (0xff_8a_80, None),
            (Self::Dark, Role::Warning) => (0xff_c1_4d, None),
            (Self::Dark, Role::Good) => (0x7f_e0_8a, None),
            (Self::Dark, Role::Chart) => (0x8f_d3_ff, None),
            (Self::Light, Role::Faint) => (0x5f_63_68, None),
            (Self::Light, Role::Selected) => (0x00_00_00, Some(0xb9_d7_fb)),
            (Self::Light, Role::Header) => (0x00_00_00, Some(0xdd_dd_dd)),
            (Self::Light, Role::Heading | Role::Info) => (0x0b_4f_a8, None),
            (Self::Light, Role::Key) => (0x6b_4c_00, None),
            (Self::Light, Role::Error) => (0xb0_00_20, None),
            (Self::Light, Role::Warning) => (0x7a_45_00, None),
            (Self::Light, Role::Good) => (0x0b_66_23, None),
            (Self::Light, Role::Chart) => (0x00_5a_8c, None),
        };
        Some((rgb(front), back.map(rgb)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.
    fn luminance(colour: Color) -> f64 {
        let Color::Rgb(red, green, blue) = colour else { panic!("{colour:?} is none of ours") };
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    fn contrast(one: Color, other: Color) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        if one > other { one / other } else { other / one }
    }

    #[test]
    fn all_text_stands_out_from_its_background() {
        // as dark and as light as backgrounds of terminals commonly are
        let dark = [Color::Rgb(0, 0, 0), Color::Rgb(0x28, 0x2c, 0x34)];
        let light = [Color::Rgb(255, 255, 255), Color::Rgb(0xfd, 0xf6, 0xe3)];
        for (theme, backs) in [(Theme::Dark, dark), (Theme::Light, light)] {
            for role in Role::ALL {
                let Some((front, own)) = theme.colours(role) else { continue };
                for back in backs {
                    let found = contrast(front, own.unwrap_or(back));
                    assert!(found >= 4.5, "{theme:?} {role:?}: {found:.2} : 1");
                }
            }
        }
    }

    #[test]
    fn without_colours_there_are_none() {
        for theme in [Theme::None, Theme::Terminal, Theme::Auto] {
            assert!(Role::ALL.iter().all(|role| theme.style(*role).fg.is_none() && theme.style(*role).bg.is_none()));
        }
    }
}
