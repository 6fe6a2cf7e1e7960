"""The table `CampaignTable`: campaigns with their counters and controls, and what the workers of an account share."""
