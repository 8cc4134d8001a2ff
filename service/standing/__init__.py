"""Standing: how often a brand's claims held up, and which lane that gives it.

A brand that claims much and is proved wrong loses what it earned: `Standings` counts its claims as cases and notices
are decided, gives and takes the fast lane, warns and suspends. It knows cases only as moves it is told of.
"""

from service.standing.standings import Standings
from service.standing.values import Figures, Lane, Standing, StandingEvent, Terms

__all__ = ["Figures", "Lane", "Standing", "StandingEvent", "Standings", "Terms"]
