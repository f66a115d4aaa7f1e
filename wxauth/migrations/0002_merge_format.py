from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('wxauth', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='merge',
            name='format',
            field=models.PositiveSmallIntegerField(db_default=1, verbose_name='format'),
        ),
    ]
