"""What the workers of an account share: one item an account in the table `CampaignTable`."""
